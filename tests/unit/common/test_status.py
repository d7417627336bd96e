"""An error's google.rpc.Status: its code, its reason and the details that its kind calls for."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import grpc
import pytest
from google.rpc import error_details_pb2 as details
from hypothesis import example, given
from hypothesis import strategies as st

from common import errors
from common.errors import (
    InvalidField,
    InvalidFields,
    JobNotFound,
    JobNotRetryable,
    JobsError,
    PermissionDenied,
    QueueFull,
    RequestIdReused,
    StoreFull,
    StoreUnavailable,
    WatchTooSlow,
)
from common.rpc.status import DOMAIN, METADATA_BYTES, internal_status, status_of
from support.rpc import detail

#: gRPC gives up on more trailing metadata than this.
METADATA_LIMIT_BYTES = 8192


def every_error_class(root: type[JobsError] = JobsError) -> Iterator[type[JobsError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ == root.__module__:
            yield from every_error_class(child)


@pytest.mark.parametrize("kind", list(every_error_class()))
def test_every_error_names_a_code_of_grpc_and_a_reason(kind: type[JobsError]) -> None:
    assert grpc.StatusCode[kind.status] is not grpc.StatusCode.OK
    assert kind.reason == kind.reason.upper()


def test_the_tree_at_the_top_of_the_errors_module_is_the_tree() -> None:
    drawn = errors.__doc__ or ""
    abstract = {"InvalidFields", "JobsError"}

    for kind in every_error_class():
        assert kind.__name__ in abstract or kind.__name__ in drawn
        assert kind.__name__ in {*abstract, "NotFound", "WrongState"} or kind.reason in drawn


def test_an_error_info_carries_domain_reason_and_metadata() -> None:
    info = detail(status_of(RequestIdReused("ai-1")), details.ErrorInfo)

    assert (info.domain, info.reason) == (DOMAIN, "REQUEST_ID_REUSED")
    assert dict(info.metadata) == {"field": "request_id", "job_id": "ai-1"}


def test_an_invalid_field_is_a_bad_request_with_its_path() -> None:
    status = status_of(InvalidField("job.ttl", "must be at least 1 s"))
    [violation] = detail(status, details.BadRequest).field_violations

    assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert (violation.field, violation.description) == ("job.ttl", "must be at least 1 s")


def test_several_invalid_fields_are_reported_together() -> None:
    status = status_of(InvalidFields([("a", "is wrong"), ("b", "is wrong too")]))

    assert status.message == "a: is wrong; b: is wrong too"
    assert [item.field for item in detail(status, details.BadRequest).field_violations] == ["a", "b"]


def test_what_is_not_found_is_a_resource_info() -> None:
    info = detail(status_of(JobNotFound("ai-1")), details.ResourceInfo)

    assert (info.resource_type, info.resource_name) == ("job", "ai-1")


def test_a_wrong_state_is_a_precondition_failure() -> None:
    status = status_of(JobNotRetryable("ai-1", "RUNNING"))
    [violation] = detail(status, details.PreconditionFailure).violations

    assert status.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert (violation.type, violation.subject) == ("JOB_NOT_RETRYABLE", "jobs/ai-1")
    assert detail(status, details.ErrorInfo).metadata["state"] == "RUNNING"


def test_an_exhausted_resource_is_a_quota_failure_with_a_time_to_try_again() -> None:
    full_queue, full_store = status_of(QueueFull("exports", 10)), status_of(StoreFull())

    assert detail(full_queue, details.QuotaFailure).violations[0].subject == "queues/exports"
    assert detail(full_queue, details.RetryInfo).retry_delay.ToMilliseconds() == 5_000
    assert detail(full_store, details.QuotaFailure).violations[0].subject == "store_full"
    assert detail(full_store, details.RetryInfo).retry_delay.ToMilliseconds() == 10_000


def test_an_error_that_will_not_pass_has_no_time_to_try_again() -> None:
    status = status_of(PermissionDenied("operator"))

    with pytest.raises(AssertionError, match="no RetryInfo"):
        detail(status, details.RetryInfo)


def test_try_again_at_once_is_a_delay_of_zero_and_not_no_delay() -> None:
    assert detail(status_of(WatchTooSlow("token")), details.RetryInfo).retry_delay.ToMilliseconds() == 0
    assert detail(status_of(StoreUnavailable()), details.RetryInfo).retry_delay.ToMilliseconds() == 1_000


def test_an_internal_error_tells_its_request_id_and_nothing_else() -> None:
    status = internal_status("abc")

    assert status.code == grpc.StatusCode.INTERNAL.value[0]
    assert detail(status, details.RequestInfo).request_id == "abc"
    assert {packed.TypeName() for packed in status.details} == {
        "google.rpc.ErrorInfo",
        "google.rpc.RequestInfo",
    }


@example([("\U0001f600" * 2_000, "\U0001f600" * 2_000)] * 50)
@given(
    st.lists(st.tuples(st.text(max_size=2_000), st.text(max_size=2_000)), min_size=1, max_size=50),
)
def test_a_status_always_fits_into_the_trailing_metadata(violations: list[tuple[str, str]]) -> None:
    status = status_of(InvalidFields(violations))
    # In base64, beside the message that gRPC sends once more, percent-encoded.
    size = len(status.SerializeToString()) * 4 / 3 + len(quote(status.message))

    assert size < METADATA_LIMIT_BYTES


def test_a_resume_token_is_never_cut() -> None:
    token = "t" * METADATA_BYTES

    assert detail(status_of(WatchTooSlow(token)), details.ErrorInfo).metadata["resume_token"] == token
    assert not detail(status_of(WatchTooSlow(token + "t")), details.ErrorInfo).metadata


def test_violations_that_do_not_fit_are_counted() -> None:
    status = status_of(InvalidFields([(f"turns[{index}].text", "is required") for index in range(1_000)]))
    shown = detail(status, details.BadRequest).field_violations

    assert 10 < len(shown) < 50
    assert shown[-1].description == f"and {1_000 - len(shown) + 1} more"
