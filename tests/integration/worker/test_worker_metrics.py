"""What a worker tells a real OTLP receiver of its jobs and paid calls, and what it never tells."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from analysis_worker.measuring.paid import TOKENS, MeasuredCalls
from analysis_worker.paid.port import Answer, BudgetSpent, Call, CallHeld, Reply, Usage
from bothsides.jobs import v1 as pb
from common.job.ids import JobId
from common.job.model import PaidUsage
from common.job.states import JobState
from common.provider.errors import RateLimited, ServerFailed
from common.telemetry.providers import SECONDS
from support.canaries import planted_debate, seen_in
from support.metrics import Point, labels, of, received
from support.openai_author import honest
from support.openai_server import OpenAiServer, error, openai_server
from support.otlp import Collector, otlp_collector
from support.waiting import wait_until
from support.worker_program import Desk, worker_program

OPERATIONS = Path(__file__).parents[3] / "docs/operations.md"
MODEL = {"gen_ai__provider__name": "127.0.0.1", "gen_ai__request__model": "gpt-6-luna"}
CHAT = {**MODEL, "gen_ai__operation__name": "chat"}
ANALYSIS = {"bothsides__queue": "ai_analysis", "bothsides__job__type": "TRANSCRIPT_ANALYSIS"}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with otlp_collector() as served:
        yield served


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(honest) as served:
        yield served


def was_given_back(desk: Desk, job_id: JobId) -> bool:
    job = desk.job(job_id)
    assert not job.state.is_final, job
    return job.attempt >= 1 and job.state is JobState.PENDING


def documented() -> dict[str, tuple[str, set[str]]]:
    """Return the metrics of the page: unit and labels by name."""
    section = OPERATIONS.read_text().split("## Metrics\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([\w.]+)` \| \w[\w ]* \| `([^`]+)` \| ([^|]*) \|", section, flags=re.M)
    return {name: (unit, set(re.findall(r"`([\w.]+)`", told))) for name, unit, told in rows}


def test_a_worker_tells_of_its_jobs_and_calls_what_they_were_and_nothing_of_whose(
    valkey: str, client: redis.Redis, tmp_path: Path, server: OpenAiServer, collector: Collector
) -> None:
    # Given jobs of a tenant: one that is analysed, the same again, one that fails, and one that is held
    desk = Desk(client, tenant="tenant-of-the-test")
    name = desk.put(planted_debate())
    asking = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": server.url}
    with worker_program(
        valkey, tmp_path, serving=True, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, **asking
    ) as program:
        about: dict[str, Any] = {"conversation_id": name, "batch_id": "batch-of-the-test"}
        done = [desk.final(desk.analyse(name, job=about)) for _ in range(2)]
        failed = desk.final(desk.analyse("none"))
        server.faults = [error(429, "insufficient_quota")]
        for _ in range(2):
            waits_for = desk.analyse(
                name,
                dimensions=[pb.DIMENSION_TONE],
                on_unavailable=pb.TranscriptAnalysisSpec.WAIT,
                models=["gpt-4o-mini"],
            )
            wait_until(partial(was_given_back, desk, waits_for), timeout_s=60)
        # When it stops
        program.terminate()
        program.ended()
    paid, reused = (snapshot.job.paid for snapshot in done)
    assert isinstance(paid, PaidUsage)
    assert isinstance(reused, PaidUsage)
    points = received(collector.points)

    # Then the figures are those of the jobs
    started = of(points, "bothsides.job.started")
    ended = of(points, "bothsides.job.ended")
    assert started[labels(**ANALYSIS)].value == sum(point.value for point in ended.values())
    assert ended[labels(**ANALYSIS, bothsides__job__state="SUCCEEDED")].value == 2
    assert failed.job.state is JobState.FAILED
    assert ended[labels(**ANALYSIS, bothsides__job__state="FAILED")].value >= 1
    waits = of(points, "bothsides.job.wait")[labels(**ANALYSIS)]
    assert waits.count == 5
    runs = of(points, "bothsides.job.run")[labels(**ANALYSIS, bothsides__job__state="SUCCEEDED")]
    assert (runs.count, runs.edges) == (2, SECONDS)

    # And of the calls
    calls = of(points, "gen_ai.client.operation.duration")[labels(**CHAT)]
    assert (calls.count, calls.edges) == (paid.calls, SECONDS)
    tokens = of(points, "gen_ai.client.token.usage")
    sent = tokens[labels(**CHAT, gen_ai__token__type="input")]
    assert (sent.count, sent.value, sent.edges) == (paid.calls, paid.input_tokens, TOKENS)
    assert tokens[labels(**CHAT, gen_ai__token__type="output")].value == paid.output_tokens
    cost = of(points, "bothsides.paid_call.cost")[labels(**MODEL)].value
    assert cost == pytest.approx(paid.cost_micro_usd / 1_000_000)
    assert (
        of(points, "bothsides.paid_call.reused")[labels(**MODEL)].value == reused.reused_calls == paid.calls
    )
    saved = of(points, "bothsides.paid_call.saved")[labels(**MODEL)].value
    assert saved == pytest.approx(reused.saved_micro_usd / 1_000_000)

    # And of the circuit that the quota has opened
    other = {**MODEL, "gen_ai__request__model": "gpt-4o-mini"}
    failures = labels(**other, gen_ai__operation__name="chat", error__type="QUOTA_EXHAUSTED")
    assert of(points, "gen_ai.client.operation.duration")[failures].count == 1
    circuits = {point.labels: point.value for point in points if point.name == "bothsides.circuit.open"}
    assert circuits == {labels(**MODEL): 0, labels(**other): 1}
    kept = of(points, "bothsides.paid_call.held")[labels(**other, bothsides__reason="QUOTA_EXHAUSTED")]
    assert kept.value >= 1

    # And each is documented, by unit and labels; none has a label that a caller could fill
    own = [point for point in points if point.name.startswith(("bothsides.", "gen_ai."))]
    page = documented()
    assert {point.name for point in own} == set(page)
    for point in own:
        unit, told = page[point.name]
        assert point.unit == unit, point
        assert {key for key, _ in point.labels} <= told, point
    text = str(collector.points)
    secrets = ("tenant-of-the-test", "batch-of-the-test", name, done[0].job.job_id, "Zeltrude")
    assert not [secret for secret in secrets if secret in text]
    assert seen_in(text) == []


class Scripted:
    """Paid calls that end as they are told."""

    def __init__(self) -> None:
        self.ends: list[Answer | BaseException | None] = []

    async def ask(self, call: Call, send: Callable[[], Awaitable[Reply]]) -> Answer:
        while True:
            end = self.ends.pop(0)
            match end:
                case Answer():
                    return end
                case RateLimited():  # the gate asks again
                    with pytest.raises(RateLimited):
                        await send()
                case BaseException():
                    raise end
                case None:
                    reply = await send()
                    return Answer(reply.body, reply.usage, False, 1_500_000, 0)


def measured(collector: Collector, use: Callable[[Meter], Awaitable[None]]) -> list[Point]:
    """Return what a collector receives of what is measured meanwhile."""
    exporter = OTLPMetricExporter(endpoint=collector.endpoint, insecure=True)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider([reader], resource=Resource.create({"service.name": "test"}))
    asyncio.run(use(provider.get_meter("test")))  # type: ignore[arg-type]
    provider.shutdown()
    return received(collector.points)


def call(model: str = "small", output_tokens: int = 50) -> Call:
    return Call("acme", "openai", model, "digest", 0, 100, output_tokens, 20, "ai-1", 1)


def test_each_way_in_which_a_call_ends_is_counted_once(collector: Collector) -> None:
    outcomes: list[Any] = [RateLimited(), ServerFailed(), asyncio.CancelledError(), None]

    async def send() -> Reply:
        end = outcomes.pop(0)
        if end is not None:
            raise end
        return Reply(b"{}", Usage(90, 10, 7), {})

    async def use(meter: Meter) -> None:
        scripted = Scripted()
        calls = MeasuredCalls(scripted, meter)
        # Refused once, then failed; stopped; answered
        scripted.ends = [RateLimited(), None]
        with pytest.raises(ServerFailed):
            await calls.ask(call(), send)
        scripted.ends = [None]
        with pytest.raises(asyncio.CancelledError):
            await calls.ask(call(), send)
        scripted.ends = [None]
        await calls.ask(call(), send)
        # Not made
        scripted.ends = [
            CallHeld("CIRCUIT_OPEN", 1),
            CallHeld("TOKEN_LIMIT", 1),
            BudgetSpent("DAY", 1, 1),
            Answer(b"{}", Usage(1, 0, 1), True, 0, 250_000),
        ]
        for _ in range(2):
            with pytest.raises(CallHeld):
                await calls.ask(call("other"), send)
        with pytest.raises(BudgetSpent):
            await calls.ask(call("other"), send)
        await calls.ask(call("other"), send)

    points = measured(collector, use)
    small = {"gen_ai__provider__name": "openai", "gen_ai__request__model": "small"}
    other = {**small, "gen_ai__request__model": "other"}
    took = of(points, "gen_ai.client.operation.duration")
    errors = [dict(told).get("error.type", "") for told, point in took.items() if point.count == 1]
    assert sorted(errors) == ["", "CANCELLED", "PROVIDER_FAILED", "RATE_LIMITED"]
    waits = {told: point.count for told, point in of(points, "bothsides.paid_call.wait").items()}
    assert waits == {
        labels(**small, bothsides__outcome="made"): 4,
        labels(**other, bothsides__outcome="held"): 3,
        labels(**other, bothsides__outcome="reused"): 1,
    }
    held = {dict(told)["bothsides.reason"] for told in of(points, "bothsides.paid_call.held")}
    assert held == {"CIRCUIT_OPEN", "TOKEN_LIMIT", "BUDGET_SPENT"}
    assert of(points, "bothsides.paid_call.cost")[labels(**small)].value == 1.5
    assert of(points, "bothsides.paid_call.saved")[labels(**other)].value == 0.25
    circuits = {told: point.value for told, point in of(points, "bothsides.circuit.open").items()}
    assert circuits == {labels(**small): 0, labels(**other): 1}


def test_a_circuit_that_lets_a_call_through_again_is_told_so(collector: Collector) -> None:
    async def use(meter: Meter) -> None:
        async def send() -> Reply:
            return Reply(b"{}", Usage(1, 0, 1), {})

        scripted = Scripted()
        calls = MeasuredCalls(scripted, meter)
        scripted.ends = [CallHeld("CIRCUIT_OPEN", 1), None]
        with pytest.raises(CallHeld):
            await calls.ask(call(), send)
        await calls.ask(call(output_tokens=0), send)

    points = measured(collector, use)
    [circuit] = of(points, "bothsides.circuit.open").values()
    assert circuit.value == 0
    [operation] = of(points, "gen_ai.client.operation.duration")
    assert dict(operation)["gen_ai.operation.name"] == "moderation"
