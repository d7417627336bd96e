"""A job's trace shows its paid calls: how long each waited, what it took and cost, and none of its words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from analysis_worker.measuring.spans import TracedCalls
from analysis_worker.paid.port import Answer, BudgetSpent, Call, CallHeld, Reply, Usage
from common.provider.errors import ServerFailed

CALL = Call(
    tenant="acme",
    provider="openai",
    model="gpt-6-luna",
    request_sha256="ab" * 32,
    sample=0,
    input_tokens=900,
    output_tokens=500,
    expected_output_tokens=200,
    job_id="ai-1",
    attempt=1,
)
REPLY = Reply(b"the-secret", Usage(800, 600, 120), {})
Send = Callable[[], Awaitable[Reply]]


class Twice:
    """Sends again what failed once, as the gate does."""

    async def ask(self, call: Call, send: Send) -> Answer:
        try:
            reply = await send()
        except ServerFailed:
            reply = await send()
        return Answer(reply.body, reply.usage, reused=False, cost_micro_usd=77, saved_micro_usd=0)


class Never:
    """Makes no call."""

    def __init__(self, outcome: Answer | Exception) -> None:
        self._outcome = outcome

    async def ask(self, call: Call, send: Send) -> Answer:
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(exporter))
    return made


async def no_call() -> Reply:
    raise AssertionError("nothing is to be sent")


def told(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


async def test_a_call_that_was_sent_twice_is_two_spans_within_its_asking(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    outcomes: list[Reply | Exception] = [ServerFailed("the-secret"), REPLY]

    async def send() -> Reply:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("process ai_analysis") as attempt:
        await TracedCalls(Twice(), tracer).ask(CALL, send)

    failed, made, asked, _ = exporter.get_finished_spans()
    assert asked.parent is not None
    assert asked.parent.span_id == attempt.get_span_context().span_id
    assert asked.context is not None
    assert {span.parent.span_id for span in (failed, made) if span.parent} == {asked.context.span_id}
    assert (asked.name, made.name, made.kind) == ("ask gpt-6-luna", "chat gpt-6-luna", SpanKind.CLIENT)
    assert (failed.status.status_code, told(failed)["error.type"]) == (
        StatusCode.ERROR,
        ServerFailed("x").reason,
    )
    assert (told(made)["gen_ai.usage.input_tokens"], told(made)["gen_ai.usage.output_tokens"]) == (800, 120)
    assert told(asked)["bothsides.paid_call.cost_micro_usd"] == 77
    assert told(asked)["bothsides.paid_call.reused"] is False
    assert asked.status.is_unset
    written = "".join(span.to_json() for span in exporter.get_finished_spans())
    assert "the-secret" not in written
    assert CALL.request_sha256 not in written


@pytest.mark.parametrize(
    ("error", "called"),
    [(CallHeld("CIRCUIT_OPEN", 5), "CIRCUIT_OPEN"), (BudgetSpent("acme", 5, 5), "BUDGET_SPENT")],
)
async def test_a_call_that_is_not_made_says_why(
    provider: TracerProvider, exporter: InMemorySpanExporter, error: Exception, called: str
) -> None:
    with pytest.raises(type(error)):
        await TracedCalls(Never(error), provider.get_tracer("test")).ask(CALL, no_call)

    [asked] = exporter.get_finished_spans()
    assert (told(asked)["error.type"], asked.status.status_code) == (called, StatusCode.ERROR)
    assert "acme" not in asked.to_json()


async def test_an_answer_of_before_is_a_span_that_sent_nothing(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    of_before = Answer(b"x", REPLY.usage, reused=True, cost_micro_usd=0, saved_micro_usd=77)
    await TracedCalls(Never(of_before), provider.get_tracer("test")).ask(CALL, no_call)

    [asked] = exporter.get_finished_spans()
    assert told(asked)["bothsides.paid_call.reused"] is True
    assert told(asked)["bothsides.paid_call.saved_micro_usd"] == 77
