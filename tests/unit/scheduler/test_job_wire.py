"""Between protobuf and the core: values, times, requests."""

from __future__ import annotations

from typing import Any

import pytest
from dramatiq import Message
from google.api import field_behavior_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from bothsides.jobs import v1 as pb
from common.errors import InvalidField, InvalidFields
from common.job.ids import JobId
from common.job.model import ErrorClass, JobError, JobRequest, RetryPolicy
from common.job.priority import Priority
from common.job.states import JobState
from common.job.types import JOB_TYPES, JOB_TYPES_BY_SPEC
from common.store.record import AcceptedJobs, accepted
from scheduler import rules
from scheduler.wire.jobs import AlikeJobs, error_to_pb, item_to_pb, job_to_pb
from scheduler.wire.requests import INPUT_FIELDS, Origin, digest_of, request_from_pb
from scheduler.wire.specs import Work, message_of
from scheduler.wire.times import (
    LATEST_MS,
    duration_from_pb,
    duration_to_pb,
    instant_from_pb,
    instant_to_pb,
)
from scheduler.wire.values import value_from_pb, value_to_pb

DEFAULT_RETRY = RetryPolicy(4, 1_000, 60_000)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5) | st.floats(-1e6, 1e6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def _request(**fields: Any) -> pb.CreateJobRequest:
    spec = pb.JobSpec(generic=pb.GenericSpec(actor="work"))
    return pb.CreateJobRequest(job=pb.Job(**{"spec": spec, **fields}))


@given(JSON_VALUES)
def test_a_json_value_survives_the_wire(value: Any) -> None:
    assert value_from_pb(value_to_pb(value), "field") == value


def test_a_value_nested_too_deeply_for_the_wire_becomes_text() -> None:
    value: Any = "x"
    for _ in range(200):
        value = [value]

    sent = value_to_pb(value)

    assert type(sent).FromString(sent.SerializeToString()) == sent


def test_a_number_that_is_not_finite_is_refused_by_its_path() -> None:
    spec = pb.GenericSpec(actor="work")
    spec.args.add().number_value = 1
    inner = spec.args.add().struct_value.fields["deep"].list_value
    inner.values.add().string_value = "fine"
    inner.values.add().number_value = float("nan")

    with pytest.raises(InvalidField) as refused:
        request_from_pb(
            pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(generic=spec))), Origin("t"), DEFAULT_RETRY
        )

    assert refused.value.field == 'job.spec.generic.args[1]["deep"][1]'


def test_a_message_to_workers_is_one_that_dramatiq_reads_and_has_the_id_of_its_job() -> None:
    spec = pb.GenericSpec(actor="work", queue="mine")
    spec.args.add().string_value = "größer"
    spec.kwargs.fields["n"].number_value = 3
    request = request_from_pb(
        pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(generic=spec))), Origin("t"), DEFAULT_RETRY
    )

    message: Message[Any] = Message.decode(request.payload)

    assert (message.actor_name, message.queue_name) == ("work", "mine")
    assert (message.args, message.kwargs) == (("größer",), {"n": 3})
    assert (message.message_id, message.options) == (request.job_id, {"tenant": "t"})


def test_a_message_says_the_version_of_its_spec_once_there_is_more_than_one() -> None:
    def options(version: int) -> dict[str, Any]:
        work = Work("ECHO", "exports", "echo", [], {}, version=version)
        message: Message[Any] = Message.decode(message_of(work, JobId("exp-1"), "acme", {}))
        return dict(message.options)

    assert "spec_version" not in options(1)
    assert options(2)["spec_version"] == 2


@given(st.integers(0, LATEST_MS))
def test_an_instant_survives_the_wire(at_ms: int) -> None:
    assert instant_from_pb(instant_to_pb(at_ms), "field") == at_ms


@given(st.integers(0, 10**14))
def test_a_duration_survives_the_wire(length_ms: int) -> None:
    assert duration_from_pb(duration_to_pb(length_ms), "field") == length_ms


@pytest.mark.parametrize("seconds_nanos", [(-1, 0), (0, -1), (0, 1_000_000_000), (2**62, 0)])
def test_a_time_out_of_range_is_refused(seconds_nanos: tuple[int, int]) -> None:
    seconds, nanos = seconds_nanos
    with pytest.raises(InvalidField, match=r"job\.schedule_time"):
        instant_from_pb(Timestamp(seconds=seconds, nanos=nanos), "job.schedule_time")
    with pytest.raises(InvalidField, match=r"job\.ttl"):
        duration_from_pb(Duration(seconds=seconds, nanos=nanos), "job.ttl")


def test_every_state_priority_and_error_class_has_its_name_on_the_wire() -> None:
    assert {state.value for state in JobState} == set(pb.Job.State.keys()) - {"STATE_UNSPECIFIED"}
    assert {priority.value for priority in Priority} == set(pb.Job.Priority.keys()) - {"PRIORITY_UNSPECIFIED"}
    for error_class in ErrorClass:
        name = pb.JobError.ErrorClass.Name(error_to_pb(JobError(error_class, "X")).error_class)
        assert name == error_class.value


def test_every_job_type_has_its_spec_and_its_name_on_the_wire() -> None:
    kinds = {field.name for field in pb.JobSpec.DESCRIPTOR.oneofs_by_name["kind"].fields}

    assert set(JOB_TYPES_BY_SPEC) == kinds - {"generic"}
    assert set(JOB_TYPES) == set(pb.Job.Type.keys()) - {"TYPE_UNSPECIFIED", "GENERIC"}


def test_a_request_without_a_policy_gets_the_default() -> None:
    assert request_from_pb(_request(), Origin("t"), DEFAULT_RETRY).retry == DEFAULT_RETRY


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (pb.RetryPolicy(max_attempts=9), RetryPolicy(9, 1_000, 60_000)),
        (pb.RetryPolicy(min_backoff=Duration(seconds=90)), RetryPolicy(4, 90_000, 90_000)),
        (pb.RetryPolicy(max_backoff=Duration(nanos=5_000_000)), RetryPolicy(4, 5, 5)),
    ],
)
def test_a_bound_that_is_set_wins_over_the_default_of_the_other(
    policy: pb.RetryPolicy, expected: RetryPolicy
) -> None:
    assert request_from_pb(_request(retry_policy=policy), Origin("t"), DEFAULT_RETRY).retry == expected


def test_the_digest_is_of_the_input_fields_alone() -> None:
    plain = digest_of(_request().job)

    assert digest_of(_request(job_id="x", state=pb.Job.FAILED, etag="1", worker="w").job) == plain
    for fields in ({"priority": pb.Job.LOW}, {"labels": {"a": "b"}}, {"ttl": Duration(seconds=9)}):
        assert digest_of(_request(**fields).job) != plain


def test_the_digest_does_not_depend_on_the_order_of_labels() -> None:
    labels = {f"k{i}": str(i) for i in range(10)}

    assert digest_of(_request(labels=labels).job) == digest_of(
        _request(labels=dict(reversed(labels.items()))).job
    )


def test_the_input_fields_are_those_that_the_contract_does_not_call_output_only() -> None:
    inputs = {
        field.name
        for field in pb.Job.DESCRIPTOR.fields
        if field_behavior_pb2.OUTPUT_ONLY
        not in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    }

    assert inputs - INPUT_FIELDS == {"job_id", "etag"}  # which only UpdateJob reads
    assert inputs >= INPUT_FIELDS


def test_contradictions_are_reported_together() -> None:
    request = request_from_pb(
        _request(
            schedule_time=Timestamp(seconds=200),
            expire_time=Timestamp(seconds=100),
            retry_policy=pb.RetryPolicy(min_backoff=Duration(seconds=2), max_backoff=Duration(seconds=1)),
        ),
        Origin("t"),
        DEFAULT_RETRY,
    )

    with pytest.raises(InvalidFields) as refused:
        rules.check(request, now_ms=0)

    assert [field for field, _ in refused.value.violations] == [
        "job.expire_time",
        "job.retry_policy.min_backoff",
    ]


def test_a_life_is_judged_from_now() -> None:
    request = request_from_pb(
        _request(schedule_time=Timestamp(seconds=100), ttl=Duration(seconds=60)), Origin("t"), DEFAULT_RETRY
    )

    rules.check(request, now_ms=40_001)
    with pytest.raises(InvalidField, match=r"job\.ttl"):
        rules.check(request, now_ms=40_000)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["GENERIC", "TRANSCRIPT_ANALYSIS"]),
            st.sampled_from([None, 5_000]),
            st.sampled_from([{}, {"team": "blue"}, {"of": "ai-3"}]),
            st.integers(1_000, 1_001),
        ),
        max_size=12,
    )
)
def test_jobs_of_one_response_are_what_each_would_be_by_itself(
    drawn: list[tuple[str, int | None, dict[str, str], int]],
) -> None:
    requests = [
        JobRequest(
            JobId(f"ai-{number}"),
            "ai_analysis",
            "work",
            b"{}",
            job_type=job_type,
            run_at_ms=run_at_ms,
            conversation_id="" if job_type == "GENERIC" else "debate-1",
            labels=labels,
            trace_id=f"{number % 3:032x}" if number % 4 else "",
        )
        for number, (job_type, run_at_ms, labels, _) in enumerate(drawn)
    ]
    times, alike_jobs = [now_ms for *_, now_ms in drawn], AcceptedJobs()
    jobs = list(map(alike_jobs.of, requests, times))
    assert jobs == list(map(accepted, requests, times))

    alike = AlikeJobs(item_to_pb)
    response = pb.CreateJobsResponse.FromString(b"".join(map(alike.spell, jobs)))

    assert [item.job for item in response.items] == [job_to_pb(job) for job in jobs]
    assert list(map(pb.Job.FromString, map(AlikeJobs().spell, jobs))) == [job_to_pb(job) for job in jobs]
