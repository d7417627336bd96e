"""The quick look at a message: it calls nothing well that protovalidate refuses, and spares it the usual."""

from __future__ import annotations

import random

import protovalidate
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from bothsides.jobs import v1 as pb
from common.rpc.glance import follows_surely
from support.random_messages import random_message

#: Texts with which a random message may well follow the rules.
GOOD = ("work", "debate-1", "blue", "ai-01m852fy8wevnb66ezjzv3315n", "exports")
SERVICES = [
    service
    for file in (
        pb.CreateJobRequest,
        pb.GetQueueRequest,
        pb.PutConversationRequest,
        pb.GetAnalysisRequest,
        pb.GetHealthRequest,
    )
    for service in file.DESCRIPTOR.file.services_by_name.values()
]
REQUESTS = sorted(
    {GetMessageClass(method.input_type) for service in SERVICES for method in service.methods},
    key=lambda kind: str(kind.DESCRIPTOR.name),
)


def generic(**fields: object) -> pb.CreateJobRequest:
    spec = pb.JobSpec(generic=pb.GenericSpec(actor="work", queue="mine"))
    spec.generic.args.add().string_value = "x"
    return pb.CreateJobRequest(job=pb.Job(spec=spec, **fields), request_id="r-1")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", REQUESTS, ids=lambda kind: str(kind.DESCRIPTOR.name))
def test_what_it_calls_well_breaks_no_rule(kind: type[Message]) -> None:
    chance = random.Random(kind.DESCRIPTOR.name)
    for _ in range(300):
        message = random_message(kind, chance, GOOD * 8)
        if follows_surely(message):
            assert not protovalidate.collect_violations(message), message


@pytest.mark.parametrize(
    "request_",
    [
        generic(),
        generic(labels={"team": "blue"}, priority=pb.Job.HIGH, schedule_time=Timestamp(seconds=9)),
        pb.CreateJobRequest(
            job=pb.Job(
                spec=pb.JobSpec(transcript_analysis=pb.TranscriptAnalysisSpec(conversation_id="debate-1"))
            )
        ),
        pb.GetJobRequest(job_id="ai-x", view=pb.JOB_VIEW_FULL),
        pb.CancelJobRequest(job_id="ai-x"),
        pb.ListJobsRequest(page_size=10),
        pb.WatchJobRequest(job_id="ai-x", resume_token="t"),
    ],
    ids=lambda request: str(request.DESCRIPTOR.name),
)
def test_usual_requests_need_no_closer_look(request_: Message) -> None:
    assert follows_surely(request_)


@pytest.mark.parametrize(
    "request_",
    [
        pb.CreateJobRequest(),
        pb.CreateJobRequest(job=pb.Job()),
        pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec())),
        pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(generic=pb.GenericSpec()))),
        pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(generic=pb.GenericSpec(actor="work\n")))),
        generic(labels={"Team": "blue"}),
        generic(labels={"team": "b" * 64}),
        generic(labels={"team": "a\x1f"}),
        generic(former_specs=[pb.JobSpec()]),
        generic(labels={f"k{i}": "" for i in range(17)}),
        generic(priority=99),
        generic(timeout=Duration(nanos=1)),
        pb.GetJobRequest(),
        pb.CreateJobsRequest(),
        pb.ListJobsRequest(page_size=-1),
    ],
    ids=str,
)
def test_what_breaks_a_rule_is_looked_at_closely(request_: Message) -> None:
    assert not follows_surely(request_)
    assert protovalidate.collect_violations(request_)


def test_a_rule_that_it_does_not_know_is_looked_at_closely() -> None:
    request = generic(timeout=Duration(seconds=5))

    assert not follows_surely(request)
    assert not protovalidate.collect_violations(request)
