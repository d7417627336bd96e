"""What leaves the process of a span in which something was raised."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from common.telemetry.privacy import PrivateExporter

HIDDEN = "what Ana said in private"


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exported: InMemorySpanExporter) -> Tracer:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(PrivateExporter(exported)))
    return provider.get_tracer("test")


def fail_within_a_span(tracer: Tracer) -> None:
    with tracer.start_as_current_span("work", kind=SpanKind.CONSUMER, attributes={"queue": "exports"}):
        try:
            raise KeyError(HIDDEN)
        except KeyError as error:
            raise ValueError(HIDDEN) from error


def test_an_exception_leaves_its_type_and_not_its_text(
    tracer: Tracer, exported: InMemorySpanExporter
) -> None:
    with pytest.raises(ValueError, match=HIDDEN):
        fail_within_a_span(tracer)

    [span] = exported.get_finished_spans()
    [event] = span.events
    assert dict(event.attributes or {})["exception.type"] == "ValueError"
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert HIDDEN not in span.to_json()


def test_all_else_of_the_span_is_as_it_was(tracer: Tracer, exported: InMemorySpanExporter) -> None:
    with tracer.start_as_current_span("outer") as outer, pytest.raises(ValueError, match=HIDDEN):
        fail_within_a_span(tracer)

    inner = exported.get_finished_spans()[0]
    assert inner.parent == outer.get_span_context()
    assert (inner.name, inner.kind) == ("work", SpanKind.CONSUMER)
    assert dict(inner.attributes or {}) == {"queue": "exports"}
    assert inner.start_time is not None
    assert inner.end_time is not None
    assert inner.start_time <= inner.end_time
    assert inner.instrumentation_scope is not None
    assert inner.instrumentation_scope.name == "test"


def test_events_that_are_no_exceptions_are_kept(tracer: Tracer, exported: InMemorySpanExporter) -> None:
    with tracer.start_as_current_span("work") as span:
        span.add_event("retry", {"attempt": 2})
        span.record_exception(ValueError(HIDDEN))

    [finished] = exported.get_finished_spans()
    events = {event.name: dict(event.attributes or {}) for event in finished.events}
    assert events["retry"] == {"attempt": 2}
    assert "exception.message" not in events["exception"]
