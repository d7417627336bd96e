"""A span for every attempt, in the trace of the call that submitted the job.

Names follow OpenTelemetry's conventions for messaging. Of an exception a span holds the type, not the text.
"""

from __future__ import annotations

import threading
from contextvars import Token
from typing import Any, Final

from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Middleware
from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from common.broker import current_job
from common.telemetry.context import extract

#: Where a message carries its trace, as `common.telemetry.context.inject` writes it.
OPTION: Final = "otel"


class _Running(threading.local):
    """The span of the attempt that a worker thread runs."""

    span: Span | None = None
    token: Token[Context] | None = None


class Tracing(Middleware):
    """Makes the span current on the worker's thread, and thereby in an async actor's coroutine."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer or trace.get_tracer("analysis_worker")
        self._running = _Running()

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        job = current_job()
        if job is None:
            return
        carrier = message.options.get(OPTION)
        parent = extract(carrier if isinstance(carrier, dict) else {})
        span = self._tracer.start_span(
            f"process {job.queue}",
            context=parent,
            kind=SpanKind.CONSUMER,
            attributes={
                "messaging.system": "dramatiq",
                "messaging.operation.type": "process",
                "messaging.destination.name": job.queue,
                "messaging.message.id": job.job_id,
                "bothsides.actor": job.actor,
                "bothsides.attempt": job.attempt,
            },
        )
        self._running.span = span
        self._running.token = context.attach(trace.set_span_in_context(span, parent))

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        self._end(exception)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        self._end(None)

    def _end(self, exception: BaseException | None) -> None:
        span, token = self._running.span, self._running.token
        if span is None or token is None:
            return
        self._running.span = self._running.token = None
        context.detach(token)
        if exception is not None:
            span.set_attribute("error.type", type(exception).__qualname__)
            span.set_status(Status(StatusCode.ERROR))
        span.end()
