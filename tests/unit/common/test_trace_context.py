"""A trace on its way through a dict."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from common.telemetry.context import current_trace_id, extract, inject, trace_id_of

TRACER = TracerProvider().get_tracer("test")


def test_nothing_is_injected_and_there_is_no_id_outside_of_a_trace() -> None:
    assert inject() == {}
    assert current_trace_id() is None


def test_a_trace_goes_on_where_its_context_is_extracted() -> None:
    # Given a dict that was filled in within a trace
    with TRACER.start_as_current_span("submit") as submit:
        carrier = inject()
        assert current_trace_id() == f"{submit.get_span_context().trace_id:032x}"

    # When another place starts a span from it
    with TRACER.start_as_current_span("work", context=extract(carrier)) as work:
        trace_id = current_trace_id()

    # Then it belongs to the same trace
    assert work.get_span_context().trace_id == submit.get_span_context().trace_id
    assert trace_id == trace_id_of(extract(carrier))


def test_a_malformed_or_missing_context_is_no_context() -> None:
    for carrier in (
        {},
        {"traceparent": "nonsense"},
        {"traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-01"},
    ):
        assert trace_id_of(extract(carrier)) is None


def test_extracting_does_not_take_over_the_current_trace() -> None:
    with TRACER.start_as_current_span("something else"):
        assert not trace.get_current_span(extract({})).get_span_context().is_valid
