"""The trace that the running code belongs to, and its way through places that are not calls.

A job carries its trace as a small dict (W3C Trace Context) from the call that submitted it to the worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR: Final = TraceContextTextMapPropagator()


def is_traced() -> bool:
    """Say whether there is a span at all; without telemetry there is none."""
    return trace.get_current_span() is not trace.INVALID_SPAN


def inject() -> dict[str, str]:
    """Return the current trace as `traceparent` and `tracestate`; empty if nothing is traced."""
    carrier: dict[str, str] = {}
    if is_traced():  # without telemetry this spares each job 15 µs
        _PROPAGATOR.inject(carrier)
    return carrier


def extract(carrier: Mapping[str, str]) -> Context:
    """Return the context that `inject` described; an empty one if there is none or it is malformed."""
    return _PROPAGATOR.extract(dict(carrier), context=Context())


def current_trace_id() -> str | None:
    """Return the current trace's id, 32 hexadecimal digits, or None if nothing is traced."""
    return trace_id_of(None)


def trace_id_of(context: Context | None) -> str | None:
    """Return a context's trace id, 32 hexadecimal digits, or None; None asks for the current context."""
    current = trace.get_current_span(context)
    if current is trace.INVALID_SPAN:
        return None
    span = current.get_span_context()
    return trace.format_trace_id(span.trace_id) if span.is_valid else None
