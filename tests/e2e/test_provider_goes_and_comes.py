"""A provider that goes away and comes back, as the deployed services show it: its circuit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from bothsides.jobs import v1 as pb
from bothsides_stack.supervisor import Supervisor
from common.provider.models import DEFAULT_MODEL
from support.debates import debate
from support.openai_author import honest
from support.openai_server import OpenAiServer, error, openai_server
from support.waiting import wait_until

Spec = pb.TranscriptAnalysisSpec
PROVIDER = "127.0.0.1"
OTHER = "gpt-4o-mini"
BY_MODEL = {pb.DIMENSION_TONE, pb.DIMENSION_TOPICS, pb.DIMENSION_ARGUMENTS, pb.DIMENSION_QUALITY}


@dataclass
class Platform:
    """The services' own doors, and the provider behind them."""

    jobs: pb.JobServiceStub
    queues: pb.QueueServiceStub
    server: OpenAiServer

    def order(self, policy: Spec.OnUnavailable.ValueType, *models: str, **changes: Any) -> str:
        """Order an analysis that takes no kept answer, with one attempt."""
        spec = Spec(
            conversation_id="bridge",
            on_unavailable=policy,
            models=models or [DEFAULT_MODEL],
            force_refresh=True,
            **changes,
        )
        job = pb.Job(spec=pb.JobSpec(transcript_analysis=spec), retry_policy=pb.RetryPolicy(max_attempts=1))
        return self.jobs.CreateJob(pb.CreateJobRequest(job=job)).job_id

    def job(self, job_id: str) -> pb.Job:
        return self.jobs.GetJob(pb.GetJobRequest(job_id=job_id, view=pb.JOB_VIEW_FULL))

    def analysis(self, job_id: str) -> pb.DebateAnalysis:
        """Return what a job found; it succeeds."""
        final = (pb.Job.SUCCEEDED, pb.Job.FAILED)
        wait_until(lambda: self.job(job_id).state in final, timeout_s=60)
        job = self.job(job_id)
        assert job.state == pb.Job.SUCCEEDED, job
        return job.result.analysis

    def blocker(self, job_id: str) -> pb.Blocker:
        """Return the one thing that is in a job's way."""
        [blocker] = self.jobs.ExplainJob(pb.ExplainJobRequest(job_id=job_id)).blockers
        return blocker

    def circuit(self) -> pb.Circuit:
        circuits = self.queues.ListCircuits(pb.ListCircuitsRequest()).circuits
        return next((each for each in circuits if each.model == DEFAULT_MODEL), pb.Circuit())

    def heard(self, model: str) -> int:
        return sum(body["model"] == model for body in self.server.requests())


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with openai_server(honest) as server:
        env = {"OPENAI_API_KEY": "sk-of-nobody", "OPENAI_BASE_URL": server.url, "WORKER_CHILDREN": "1"}
        with (
            Supervisor(env=env, inherit=False, run_dir=tmp_path) as stack,
            grpc.insecure_channel(stack.scheduler_addr) as channel,
        ):
            conversations = pb.ConversationServiceStub(channel)
            conversations.PutConversation(
                pb.PutConversationRequest(conversation=debate(4, conversation_id="bridge", words=20))
            )
            yield Platform(pb.JobServiceStub(channel), pb.QueueServiceStub(channel), server)


def engines(analysis: pb.DebateAnalysis) -> dict[int, tuple[str, str]]:
    return {made.dimension: (made.engine, made.degraded_reason) for made in analysis.provenance}


def test_the_circuit_of_a_provider_from_its_first_failure_to_its_reset(platform: Platform) -> None:
    # Given a provider that is asked by one call at a time, and goes away
    limits = pb.ProviderLimits(provider=PROVIDER, model=DEFAULT_MODEL, max_in_flight=1)
    platform.queues.UpdateProviderLimits(pb.UpdateProviderLimitsRequest(provider_limits=limits))
    assert (
        platform.analysis(platform.order(Spec.WAIT, dimensions=[pb.DIMENSION_ARGUMENTS])).provenance[0].model
    )
    before = platform.heard(DEFAULT_MODEL)
    platform.server.away = {DEFAULT_MODEL: error(503)}

    # When one job waits for it, then five failing calls open the circuit
    first = platform.order(Spec.WAIT)
    wait_until(lambda: platform.circuit().state == pb.Circuit.OPEN, timeout_s=60)
    assert platform.heard(DEFAULT_MODEL) == before + 5
    assert platform.circuit().reason == "TRANSIENT"

    # And when it answers again, one call tries, a few follow, and the job has lost nothing
    platform.server.away = {}
    assert {platform.analysis(first).provenance[place].degraded for place in range(6)} == {False}
    assert platform.job(first).attempt_count == 1
    assert platform.circuit().state == pb.Circuit.RAMPING

    # When it goes away once more before it is trusted, and asks for a minute, then it is left alone at once
    platform.server.away = {DEFAULT_MODEL: error(503, retry_after="60")}
    before = platform.heard(DEFAULT_MODEL)
    waiting = platform.order(Spec.WAIT)
    wait_until(lambda: platform.circuit().state == pb.Circuit.OPEN, timeout_s=60)
    wait_until(lambda: platform.job(waiting).state == pb.Job.PENDING, timeout_s=60)
    degrading, falling_back = (
        platform.order(Spec.DEGRADE),
        platform.order(Spec.FALLBACK, DEFAULT_MODEL, OTHER),
    )

    # One job gets a whole analysis of the local engine, which says why
    degraded = platform.analysis(degrading)
    assert engines(degraded) == {
        dimension: ("local", "circuit_open" if dimension in BY_MODEL else "")
        for dimension in pb.Dimension.values()
        if dimension != pb.DIMENSION_UNSPECIFIED
    }
    assert degraded.tone.participants
    assert degraded.quality.participants

    # One the next model's, which says whom it stands in for
    other = platform.analysis(falling_back)
    by_other = [made for made in other.provenance if made.model == OTHER]
    assert {made.dimension for made in by_other} == BY_MODEL
    assert {each.model for made in by_other for each in made.passed_over} == {DEFAULT_MODEL}
    assert {each.cause for made in by_other for each in made.passed_over} == {pb.Provenance.CIRCUIT_OPEN}

    # And one waits, for the circuit
    blocker = platform.blocker(waiting)
    assert (blocker.kind, "ResetCircuit" in blocker.detail) == (pb.Blocker.CIRCUIT, True)
    assert platform.heard(DEFAULT_MODEL) == before + 1

    # When an operator closes it, then what waited goes on, in its one attempt
    platform.server.away = {}
    reset = pb.ResetCircuitRequest(provider=PROVIDER, model=DEFAULT_MODEL)
    assert platform.queues.ResetCircuit(reset).state == pb.Circuit.CLOSED
    now = Timestamp()
    now.GetCurrentTime()
    platform.jobs.UpdateJob(
        pb.UpdateJobRequest(
            job=pb.Job(job_id=waiting, schedule_time=now), update_mask=FieldMask(paths=["schedule_time"])
        )
    )
    assert not [made for made in platform.analysis(waiting).provenance if made.degraded]
    assert platform.circuit().state == pb.Circuit.CLOSED
