"""A reflection in a worker with a key, from the order to the result, against a provider over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from bothsides.jobs import v1 as pb
from common.job.states import JobState
from support.debates import debate
from support.openai_server import Fault, OpenAiServer, completion, error, openai_server
from support.reflection_author import reader
from support.waiting import wait_until
from support.worker_program import Desk, worker_program

KEY = "sk-canary-of-the-key"
Spec = pb.TranscriptAnalysisSpec
TEXT = (
    "I was nervous when Marek asked what happens to the ambulance, and it was difficult to answer. I "
    "noticed that I had only listened for what I wanted to hear. Next time I will ask the north side first."
)


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(reader()) as served:
        yield served


def order(desk: Desk, text: str, conversation_id: str = "bridge", **spec: object) -> str:
    asked = pb.ReflectionProcessingSpec(
        text=text,
        conversation_id=conversation_id,
        participant_id="ines",
        **spec,  # type: ignore[arg-type]
    )
    return desk.order(pb.JobSpec(reflection_processing=asked))


def result_of(desk: Desk, job_id: str) -> pb.ReflectionAnalysis:
    done = desk.final(job_id)  # type: ignore[arg-type]  # an id
    assert done.job.state is JobState.SUCCEEDED, done.job.error
    assert done.result is not None
    return pb.JobResult.FromString(done.result.data).reflection


def test_a_worker_with_a_key_reads_pays_once_and_degrades(
    valkey: str, client: redis.Redis, tmp_path: Path, server: OpenAiServer
) -> None:
    desk = Desk(client)
    desk.put(debate(12))
    planted = [f"canary{number}word@example.org" for number in range(20)]
    text = f"{TEXT} {' '.join(f'I wrote to {canary}.' for canary in planted)}"
    with worker_program(valkey, tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.url):
        # The model reads it, together with the debate
        first = result_of(desk, order(desk, text))
        made = first.provenance
        assert (made.engine, made.model, made.degraded) == ("openai", "gpt-6-luna", False)
        assert [each.name for each in made.prompts] == ["rules", "reflection", "reflection_depth", "repair"]
        assert first.depth == pb.ReflectionAnalysis.REFLECTION
        assert [remark.kind for remark in first.feedback] == [
            pb.ReflectionAnalysis.Feedback.FEED_BACK,
            pb.ReflectionAnalysis.Feedback.FEED_FORWARD,
        ]
        assert first.references[0].said.turn_id
        assert first.grounded_in_debate.HasField("value")

        # The same again costs nothing; anew is asked for only by who says so
        asked = len(server.heard)
        assert asked == 2
        assert result_of(desk, order(desk, text)) == first
        assert len(server.heard) == asked
        result_of(desk, order(desk, text, force_refresh=True))
        assert len(server.heard) == 2 * asked

        # Who wants to stay local does; another model may be named
        local = result_of(desk, order(desk, text, engine=Spec.LOCAL))
        assert (local.provenance.engine, local.provenance.degraded) == ("local", False)
        other = result_of(desk, order(desk, text, language_model="gpt-4o-mini"))
        assert other.provenance.model == "gpt-4o-mini"

        # A refusal, an answer that breaks the rules, and a provider that is down, are local with their reason
        server.faults = [Fault(body=completion(None, refusal="no"))] * 2
        reasons = [result_of(desk, order(desk, text, force_refresh=True)).provenance.degraded_reason]
        server.faults = []  # of two calls at once, the second may never have been sent
        server.author = reader(signs=[{"sids": ["nothing"], "name": "feelings"}] * 5)
        reasons.append(result_of(desk, order(desk, text, force_refresh=True)).provenance.degraded_reason)
        server.faults = [error(500)] * 1_000
        reasons.append(result_of(desk, order(desk, text, force_refresh=True)).provenance.degraded_reason)
        assert reasons[:2] == ["refusal", "invalid_output"]
        assert reasons[2] in ("unavailable", "circuit_open")

        # And one that waits instead is not lost
        waits = order(desk, text, on_unavailable=Spec.WAIT, force_refresh=True)
        wait_until(lambda: desk.job(waits).state in (JobState.RETRYING, JobState.PENDING), timeout_s=60)  # type: ignore[arg-type]

    sent = b"".join(body for body, _ in server.heard)
    logged = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    everywhere = sent + logged + repr(client.keys()).encode()
    assert not [canary for canary in planted if canary.encode() in everywhere]
    assert b"ambulance" not in logged
    assert KEY.encode() not in everywhere


def test_without_a_key_only_who_asked_for_a_model_is_told(plain_desk: Desk) -> None:
    plain_desk.put(debate(6))
    plain = result_of(plain_desk, order(plain_desk, TEXT))
    asked = result_of(plain_desk, order(plain_desk, TEXT, engine=Spec.OPENAI))
    assert not plain.provenance.degraded
    assert asked.provenance.degraded_reason == "no_key"
    assert (plain.why, len(plain.feedback), len(plain.references)) == ("", 0, 0)
