"""What makes and sends traces and metrics: slow to load, so for those who have somewhere to send them."""

from __future__ import annotations

from typing import Final

import grpc.aio
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.grpc import aio_server_interceptor
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

from common.settings import TelemetrySettings
from common.telemetry.privacy import PrivateExporter

#: Edges of histogram buckets for durations in seconds: the usual ones are meant for milliseconds.
SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_DURATIONS: Final = View(
    instrument_type=Histogram,
    instrument_unit="s",
    aggregation=ExplicitBucketHistogramAggregation(SECONDS),
)
_METRICS_EVERY_MS: Final = 15_000
_EXPORT_TIMEOUT_S: Final = 5
#: Calls of these are the platform looking at itself; traces of them would bury the others.
_NOT_TRACED: Final = ("/grpc.health.", "/grpc.reflection.", "/grpc.channelz.")


def make_providers(
    service_name: str, settings: TelemetrySettings, endpoint: str
) -> tuple[TracerProvider, MeterProvider]:
    """Return providers that send to an endpoint, over TLS unless it says http://."""
    insecure = endpoint.startswith("http://")
    spans = OTLPSpanExporter(endpoint=endpoint, insecure=insecure, timeout=_EXPORT_TIMEOUT_S)
    points = OTLPMetricExporter(endpoint=endpoint, insecure=insecure, timeout=_EXPORT_TIMEOUT_S)
    resource = Resource.create({"service.name": service_name, "service.namespace": "bothsides"})
    meter_provider = MeterProvider(
        [PeriodicExportingMetricReader(points, export_interval_millis=_METRICS_EVERY_MS)],
        resource=resource,
        views=[_DURATIONS],
    )
    processor = BatchSpanProcessor(PrivateExporter(spans))
    return make_tracer_provider(resource, settings, processor), meter_provider


def make_tracer_provider(
    resource: Resource, settings: TelemetrySettings, processor: SpanProcessor
) -> TracerProvider:
    """Return a provider that keeps the settings' share of new traces and follows a caller's decision."""
    provider = TracerProvider(resource=resource, sampler=ParentBasedTraceIdRatio(settings.sample_ratio))
    provider.add_span_processor(processor)
    return provider


def make_server_interceptor(tracer_provider: TracerProvider) -> grpc.aio.ServerInterceptor:
    """Return what makes a span of every call, as a child of the caller's."""
    interceptor: grpc.aio.ServerInterceptor = aio_server_interceptor(  # type: ignore[no-untyped-call]  # it has no annotations
        tracer_provider=tracer_provider, filter_=_is_traced
    )
    return interceptor


def _is_traced(call: grpc.HandlerCallDetails) -> bool:
    """Say whether a call is. The filters of the package take 50 µs for it."""
    return not call.method.startswith(_NOT_TRACED)
