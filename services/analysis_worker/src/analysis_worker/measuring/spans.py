"""Spans of paid calls in the trace of their job: one for the asking, and in it one for each time it was sent.

What the first is longer than those in it was waited: for a limit, a circuit, a budget, or an identical call.
Names follow OpenTelemetry's conventions for generative AI where these have one; no text is in any of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from analysis_worker.paid.port import Answer, BudgetSpent, Call, CallHeld, PaidCalls, Reply
from common.provider.errors import ProviderFailure


class TracedCalls:
    """Paid calls that are seen in traces."""

    def __init__(self, calls: PaidCalls, tracer: Tracer | None = None) -> None:
        self._calls = calls
        self._tracer = tracer or trace.get_tracer("analysis_worker")

    async def ask(self, call: Call, send: Callable[[], Awaitable[Reply]]) -> Answer:
        """Return the answer to a call; see PaidCalls.ask."""
        operation = operation_of(call)
        about = {**model_of(call), "gen_ai.operation.name": operation}

        async def sent() -> Reply:
            with self._span(f"{operation} {call.model}", SpanKind.CLIENT, about) as span:
                reply = await send()
                used = reply.usage
                span.set_attribute("gen_ai.usage.input_tokens", used.input_tokens)
                span.set_attribute("gen_ai.usage.output_tokens", used.output_tokens)
                span.set_attribute("bothsides.paid_call.cached_input_tokens", used.cached_input_tokens)
                return reply

        with self._span(f"ask {call.model}", SpanKind.INTERNAL, about) as span:
            if not span.is_recording():  # nor would one within it be
                return await self._calls.ask(call, send)
            span.set_attribute("bothsides.paid_call.reserved_input_tokens", call.input_tokens)
            answer = await self._calls.ask(call, sent)
            span.set_attribute("bothsides.paid_call.reused", answer.reused)
            span.set_attribute("bothsides.paid_call.cost_micro_usd", answer.cost_micro_usd)
            span.set_attribute("bothsides.paid_call.saved_micro_usd", answer.saved_micro_usd)
            return answer

    @contextmanager
    def _span(self, name: str, kind: SpanKind, about: dict[str, str]) -> Iterator[Span]:
        """Open a span that tells of an error its kind alone: texts quote requests."""
        opened = self._tracer.start_as_current_span(
            name, kind=kind, attributes=about, record_exception=False, set_status_on_exception=False
        )
        with opened as span:
            try:
                yield span
            except BaseException as error:
                span.set_attribute("error.type", error_type(error))
                span.set_status(Status(StatusCode.ERROR))
                raise


def model_of(call: Call) -> dict[str, str]:
    """Return whom a call asks, for labels and spans."""
    return {"gen_ai.provider.name": call.provider, "gen_ai.request.model": call.model}


def operation_of(call: Call) -> str:
    """Return what a call asks for: only a moderation brings nothing back that is counted."""
    return "chat" if call.output_tokens else "moderation"


def error_type(error: BaseException) -> str:
    """Return what an error is called in labels and spans: a constant."""
    match error:
        case ProviderFailure() | CallHeld():
            return error.reason
        case BudgetSpent():
            return "BUDGET_SPENT"
        case asyncio.CancelledError():
            return "CANCELLED"
    return type(error).__name__
