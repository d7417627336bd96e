"""A failed call becomes an error that names its fields, its reason and the way out."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import grpc
import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2 as details

from bothsides_client import errors
from bothsides_client.errors import BY_CODE, BY_REASON, Failure, RequestFailed, error_for
from bothsides_client.outcome import EXIT_JOB_FAILED, EXIT_UNAVAILABLE, EXIT_USAGE, exit_code
from bothsides_client.statuses import error_from_status
from support.replies import reason, status

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_code_but_ok_has_its_error(code: grpc.StatusCode) -> None:
    error = error_from_status(status(code, "words"))
    assert type(error) is BY_CODE[code.name]
    assert (error.code, str(error), error.message) == (code.name, "words", "words")


def test_every_error_says_the_way_out() -> None:
    for _, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, RequestFailed):
            assert kind.advice, kind


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = errors.__doc__ or ""
    for _, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.BothSidesError):
            assert re.search(rf"\b{kind.__name__}\b", drawn), kind
    for kind in BY_REASON.values():  # each in the line below its code's
        parent = next(code for code in BY_CODE.values() if issubclass(kind, code))
        branch = drawn[drawn.index(f"─ {parent.__name__} ") :]
        assert re.search(rf"\b{kind.__name__}\b", branch), kind
    for code, kind in BY_CODE.items():
        line = next(line for line in drawn.splitlines() if f"─ {kind.__name__} " in line)
        assert code in line


def test_every_documented_reason_has_its_error_and_no_other_has() -> None:
    """The class is the reason in CamelCase, under the class of its code."""
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| `([A-Z_]+)` \|", (DOCS / "errors.md").read_text("utf-8"), re.MULTILINE
    )
    documented = {reason: BY_CODE[code] for reason, code in rows if code in BY_CODE}
    assert set(BY_REASON) == set(documented)
    for name, kind in BY_REASON.items():
        assert kind.__name__ == "".join(word.capitalize() for word in name.split("_"))
        assert issubclass(kind, documented[name])


def test_a_reason_decides_the_error_and_an_unknown_one_leaves_it_to_the_code() -> None:
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    assert type(error_from_status(status(code, "full", reason("QUEUE_FULL")))) is errors.QueueFull
    assert type(error_from_status(status(code, "full", reason("BRAND_NEW")))) is errors.ResourceExhausted
    # A reason under another code than ours is not ours.
    assert type(error_from_status(status(code, "full", reason("JOB_NOT_FOUND")))) is errors.ResourceExhausted


def test_wrong_fields_are_listed_with_their_paths() -> None:
    bad = details.BadRequest(
        field_violations=[
            details.BadRequest.FieldViolation(field="job.spec", description="is required"),
            details.BadRequest.FieldViolation(field="turns[3].text", description="is too long"),
        ]
    )
    error = error_from_status(
        status(grpc.StatusCode.INVALID_ARGUMENT, "2 fields", reason("FIELD_INVALID"), bad)
    )
    assert isinstance(error, errors.InvalidRequest)
    assert error.reason == "FIELD_INVALID"
    assert [(each.field, each.description) for each in error.field_violations] == [
        ("job.spec", "is required"),
        ("turns[3].text", "is too long"),
    ]


def test_the_time_to_wait_and_the_quota_come_with_a_full_queue() -> None:
    error = error_from_status(
        status(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "full",
            reason("QUEUE_FULL", queue="ai_analysis", limit="10"),
            details.RetryInfo(retry_delay=Duration(seconds=5, nanos=500_000_000)),
            details.QuotaFailure(
                violations=[
                    details.QuotaFailure.Violation(subject="queue:ai_analysis", description="10 waiting")
                ]
            ),
        )
    )
    assert isinstance(error, errors.ResourceExhausted)
    assert error.retry_after_s == 5.5
    assert error.metadata == {"queue": "ai_analysis", "limit": "10"}
    assert error.field_violations[0].field == "queue:ai_analysis"


def test_the_missing_thing_is_named() -> None:
    error = error_from_status(
        status(
            grpc.StatusCode.NOT_FOUND,
            "no job",
            details.ResourceInfo(resource_type="job", resource_name="a-1"),
            details.RequestInfo(request_id="trace-7"),
        )
    )
    assert error.metadata == {"resource_type": "job", "resource_name": "a-1", "request_id": "trace-7"}


def test_a_precondition_names_its_subject() -> None:
    failed = details.PreconditionFailure(
        violations=[
            details.PreconditionFailure.Violation(type="STATE", subject="a-1", description="is RUNNING")
        ]
    )
    error = error_from_status(status(grpc.StatusCode.FAILED_PRECONDITION, "no", failed))
    assert (error.field_violations[0].field, error.field_violations[0].description) == ("a-1", "is RUNNING")


def test_damaged_and_unknown_details_do_no_harm() -> None:
    answer = status(grpc.StatusCode.NOT_FOUND, "no job", reason("JOB_NOT_FOUND"))
    answer.details.append(Packed(type_url="type.googleapis.com/google.rpc.BadRequest", value=b"\xff\xff"))
    answer.details.append(Packed(type_url="type.googleapis.com/some.Other", value=b"\x00"))
    error = error_from_status(answer)
    assert (type(error), error.reason, error.field_violations) == (errors.JobNotFound, "JOB_NOT_FOUND", ())


def test_a_code_that_nobody_knows_is_still_an_error() -> None:
    answer = status(grpc.StatusCode.NOT_FOUND, "?")
    answer.code = 99
    assert isinstance(error_from_status(answer), errors.ServerFault)
    assert type(error_for(Failure("BRAND_NEW", "", ""))) is RequestFailed


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.TranscriptError("a.json", 3, "is broken"), EXIT_USAGE),
        (errors.InvalidRequest(Failure("INVALID_ARGUMENT", "", "x")), EXIT_USAGE),
        (errors.Unavailable(Failure("UNAVAILABLE", "", "x")), EXIT_UNAVAILABLE),
        (errors.DeadlineExceeded(Failure("DEADLINE_EXCEEDED", "", "x")), EXIT_UNAVAILABLE),
        (errors.NotFound(Failure("NOT_FOUND", "", "x")), EXIT_JOB_FAILED),
        (errors.ServerFault(Failure("INTERNAL", "", "x")), EXIT_JOB_FAILED),
    ],
)
def test_the_exit_code_says_what_kind_of_error_it_was(error: errors.BothSidesError, code: int) -> None:
    assert exit_code(error) == code
