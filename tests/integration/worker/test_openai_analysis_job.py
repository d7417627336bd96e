"""A worker with a key, from the order to the kept result, against a provider over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis

from analysis_worker.transcript.in_child import KEPT_BYTES
from bothsides.jobs import v1 as pb
from common.job.states import JobState
from common.provider.budget import Budget, BudgetScope, SpentPolicy
from common.store.provider.budgets import read_budgets, set_budgets
from support.debates import debate
from support.openai_author import honest
from support.openai_server import OpenAiServer, error, openai_server
from support.waiting import wait_until
from support.worker_program import NAMESPACE, Desk, worker_program

KEY = "sk-canary-of-the-key"
Spec = pb.TranscriptAnalysisSpec
BY_MODEL = {pb.DIMENSION_TONE, pb.DIMENSION_TOPICS, pb.DIMENSION_ARGUMENTS, pb.DIMENSION_QUALITY}


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(honest) as served:
        yield served


def engines(analysis: pb.DebateAnalysis) -> dict[int, str]:
    return {made.dimension: made.engine for made in analysis.provenance}


def reasons(analysis: pb.DebateAnalysis) -> dict[int, str]:
    return {made.dimension: made.degraded_reason for made in analysis.provenance if made.degraded}


def result_of(desk: Desk, job_id: str) -> pb.DebateAnalysis:
    done = desk.final(job_id)  # type: ignore[arg-type]  # an id
    assert done.job.state is JobState.SUCCEEDED, done.job.error
    assert done.result is not None
    return pb.JobResult.FromString(done.result.data).analysis


def test_a_worker_with_a_key_asks_pays_once_and_degrades(
    valkey: str, client: redis.Redis, tmp_path: Path, server: OpenAiServer
) -> None:
    desk = Desk(client)
    canaries = debate(12)
    planted = [f"canary{number}word@example.org" for number in range(50)]
    for number, canary in enumerate(planted):
        canaries.turns[number % 12].text += f" Write to {canary}."
    name = desk.put(canaries)
    with worker_program(
        valkey, tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.url, WORKER_CHILDREN="1"
    ):
        # The model makes four dimensions; all six come as parts
        first_id = desk.analyse(name, include_detailed=True)
        first = result_of(desk, first_id)
        assert {made for made, engine in engines(first).items() if engine == "openai"} == BY_MODEL
        assert not reasons(first)
        assert {part.name for part in desk.snapshot(first_id).parts} == {
            *("tone", "topics", "arguments", "linguistics", "interaction", "quality")
        }
        by_model = [made for made in first.provenance if made.engine == "openai"]
        assert {made.model for made in by_model} == {"gpt-6-luna"}
        assert {tuple(prompt.name for prompt in made.prompts) for made in by_model} == {
            ("rules", asked, "repair") for asked in ("tone", "topics", "arguments", "quality")
        }
        assert all(prompt.version >= 1 for made in by_model for prompt in made.prompts)

        # The same again costs nothing: every answer is in the ledger
        asked = len(server.heard)
        assert asked >= 3
        again = result_of(desk, desk.analyse(name, include_detailed=True))
        assert again == first
        assert len(server.heard) == asked

        # Who wants to stay local does, and a provider that is down degrades with its reason
        local = result_of(desk, desk.analyse(name, engine=Spec.LOCAL))
        assert set(engines(local).values()) == {"local"}
        assert not any(made.prompts for made in local.provenance)
        assert not reasons(local)
        server.faults = [error(500)] * 1_000
        down = result_of(desk, desk.analyse(name, engine=Spec.OPENAI, force_refresh=True))
        assert set(engines(down).values()) == {"local"}
        assert reasons(down).keys() == BY_MODEL
        assert set(reasons(down).values()) <= {"unavailable", "circuit_open"}

        # And one that waits instead is not lost
        waits = desk.analyse(name, on_unavailable=Spec.WAIT, force_refresh=True)
        wait_until(lambda: desk.job(waits).state in (JobState.RETRYING, JobState.PENDING), timeout_s=60)

    # What was planted went nowhere but into the result, and the key into one header
    sent = b"".join(body for body, _ in server.heard)
    logged = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    everywhere = sent + logged + repr(client.keys()).encode()
    assert not [canary for canary in planted if canary.encode() in everywhere]
    assert KEY.encode() not in everywhere
    assert json.loads(server.heard[0][0])["model"] == "gpt-6-luna"


def test_topics_alone_are_the_models_or_else_the_local_engines(
    valkey: str, client: redis.Redis, tmp_path: Path, server: OpenAiServer
) -> None:
    """Local topics are not made beforehand, as a model's leave nothing of them."""
    desk = Desk(client)
    name = desk.put(debate(12))
    only = [pb.DIMENSION_TOPICS]
    with worker_program(valkey, tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.url):
        first_id = desk.analyse(name, dimensions=only)
        first = result_of(desk, first_id)
        assert (engines(first), reasons(first)) == ({pb.DIMENSION_TOPICS: "openai"}, {})
        assert [part.name for part in desk.snapshot(first_id).parts] == ["topics"]

        local = result_of(desk, desk.analyse(name, dimensions=only, engine=Spec.LOCAL))
        server.faults = [error(400)] * 1_000
        down = result_of(desk, desk.analyse(name, dimensions=only, engine=Spec.OPENAI, force_refresh=True))
        assert reasons(down).keys() == {pb.DIMENSION_TOPICS}
        assert down.topics == local.topics

    # Both are of the same input
    assert {made.input_sha256 for made in (*first.provenance, *local.provenance)} == {
        local.provenance[0].input_sha256
    }
    assert first.word_count == local.word_count > 0


@pytest.mark.parametrize("beside_bytes", [0, KEPT_BYTES // 3])
def test_topics_of_many_debates_at_once_are_those_of_each_alone(
    valkey: str, client: redis.Redis, tmp_path: Path, server: OpenAiServer, beside_bytes: int
) -> None:
    """A debate that no child would remember until the answer comes is read as that is put into it."""
    desk = Desk(client)
    debates = [debate(turns, conversation_id=f"bridge-{turns}") for turns in range(8, 12)]
    for each in debates:
        each.title = "x" * beside_bytes  # nobody reads it
    names = [desk.put(each) for each in debates]
    only = [pb.DIMENSION_TOPICS]
    # Given a provider that refuses the first, and answers when it has been asked about all others
    together = threading.Barrier(len(names) - 1, timeout=30)

    def author(body: Mapping[str, Any]) -> str:
        together.wait()
        return honest(body)

    server.author = author
    server.faults = [error(400)]
    with worker_program(valkey, tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.url):
        together_ids = [desk.analyse(name, dimensions=only) for name in names]
        at_once = [result_of(desk, job_id) for job_id in together_ids]
        server.author = honest
        alone = [result_of(desk, desk.analyse(name, dimensions=only)) for name in names]

    # Then but for the one that was refused each is what the recorded answer gives it alone
    refused = [made for made in at_once if reasons(made)]
    assert [reasons(made) for made in refused] == [{pb.DIMENSION_TOPICS: "unavailable"}]
    assert refused[0].topics.segments
    assert [made for made in at_once if not reasons(made)] == [
        made for made, before in zip(alone, at_once, strict=True) if not reasons(before)
    ]
    assert len(server.heard) == len(names) + 1


def test_without_a_key_only_who_asked_for_a_model_is_told(plain_desk: Desk) -> None:
    name = plain_desk.put(debate(6))
    plain = result_of(plain_desk, plain_desk.analyse(name))
    asked = result_of(plain_desk, plain_desk.analyse(name, engine=Spec.OPENAI))
    assert not reasons(plain)
    assert reasons(asked) == dict.fromkeys(BY_MODEL, "no_key")


def test_a_batchs_budget_holds_the_calls_of_its_members_alone(
    valkey: str, client: redis.Redis, tmp_path: Path, server: OpenAiServer
) -> None:
    desk = Desk(client)
    names = [desk.put(debate(turns, conversation_id=f"bridge-{turns}")) for turns in (17, 18, 19, 20)]
    small = Budget(BudgetScope.BATCH, 10, SpentPolicy.REFUSE, "poor")
    desk.run(set_budgets(NAMESPACE, desk.tenant, [small, Budget(BudgetScope.BATCH, 1_000_000)]))

    with worker_program(valkey, tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.url):
        members = [desk.analyse(name, job={"batch_id": "rich"}) for name in names[:2]]
        alone = desk.analyse(names[2])
        poor = desk.analyse(names[3], job={"batch_id": "poor"})
        assert [reasons(result_of(desk, job_id)) for job_id in (*members, alone)] == [{}, {}, {}]
        assert reasons(result_of(desk, poor)) == dict.fromkeys(BY_MODEL, "budget")

    spent = [desk.job(job_id).paid for job_id in (*members, alone)]
    costs = [paid.cost_micro_usd for paid in spent if paid is not None]
    assert all(costs)
    assert len(costs) == 3
    rich = desk.run(read_budgets(NAMESPACE, desk.tenant, batch_id="rich"))
    assert (rich.batch.cost_micro_usd, rich.batch.held_micro_usd) == (sum(costs[:2]), 0)
    assert rich.total.cost_micro_usd == sum(costs)
    assert desk.run(read_budgets(NAMESPACE, desk.tenant, batch_id="poor")).batch.calls == 0
