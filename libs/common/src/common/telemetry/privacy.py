"""Keeping private text out of traces, whichever library records them.

OpenTelemetry puts the text of an exception, and of all that it was raised from, into its span. Such a text
may quote a transcript; the type says enough to find the place in the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status

_EXCEPTION: Final = "exception"
_KEPT: Final = frozenset({"exception.type", "exception.escaped"})


class PrivateExporter(SpanExporter):
    """Hands spans on to another exporter, without the text of exceptions."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_without_text(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _without_text(span: ReadableSpan) -> ReadableSpan:
    if not span.status.description and all(event.name != _EXCEPTION for event in span.events):
        return span
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        events=[_event_without_text(event) for event in span.events],
        links=span.links,
        kind=span.kind,
        # A description begins with the type of an exception, or a gRPC code.
        status=Status(span.status.status_code, (span.status.description or "").partition(":")[0] or None),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _event_without_text(event: Event) -> Event:
    if event.name != _EXCEPTION:
        return event
    attributes = {key: value for key, value in (event.attributes or {}).items() if key in _KEPT}
    return Event(event.name, attributes, event.timestamp)
