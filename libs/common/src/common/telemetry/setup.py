"""Starting OpenTelemetry for one process, and ending it so that nothing is lost.

Providers have threads of their own, which a fork does not copy: start it in the process that does the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self

import grpc.aio
from opentelemetry import metrics, trace
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


class Telemetry:
    """The providers of one process; without them everything here does nothing."""

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider

    @classmethod
    def start(cls, service_name: str, settings: TelemetrySettings) -> Self:
        """Make the providers and make them the process's own, if there is an endpoint to send to."""
        if settings.otlp_endpoint is None:
            return cls()
        insecure = settings.otlp_endpoint.startswith("http://")
        spans = OTLPSpanExporter(
            endpoint=settings.otlp_endpoint, insecure=insecure, timeout=_EXPORT_TIMEOUT_S
        )
        points = OTLPMetricExporter(
            endpoint=settings.otlp_endpoint, insecure=insecure, timeout=_EXPORT_TIMEOUT_S
        )
        resource = Resource.create({"service.name": service_name, "service.namespace": "bothsides"})
        meter_provider = MeterProvider(
            [PeriodicExportingMetricReader(points, export_interval_millis=_METRICS_EVERY_MS)],
            resource=resource,
            views=[_DURATIONS],
        )
        started = cls(
            make_tracer_provider(resource, settings, BatchSpanProcessor(PrivateExporter(spans))),
            meter_provider,
        )
        started.make_global()
        return started

    def make_global(self) -> None:
        """Let libraries find these providers. OpenTelemetry allows it once in a process."""
        if self._tracer_provider is not None:
            trace.set_tracer_provider(self._tracer_provider)
        if self._meter_provider is not None:
            metrics.set_meter_provider(self._meter_provider)

    def server_interceptors(self) -> Sequence[grpc.aio.ServerInterceptor]:
        """Return what makes a span of every call, as a child of the caller's; nothing if telemetry is off."""
        if self._tracer_provider is None:
            return ()
        interceptor = aio_server_interceptor(  # type: ignore[no-untyped-call]  # it has no annotations
            tracer_provider=self._tracer_provider, filter_=_is_traced
        )
        return (interceptor,)

    def shutdown(self) -> None:
        """Send what is left and end the threads. Blocks for some seconds if nobody takes it."""
        if self._tracer_provider is not None:
            self._tracer_provider.shutdown()
        if self._meter_provider is not None:
            self._meter_provider.shutdown()


def _is_traced(call: grpc.HandlerCallDetails) -> bool:
    """Say whether a call is. The filters of the package take 50 µs for it."""
    return not call.method.startswith(_NOT_TRACED)


def make_tracer_provider(
    resource: Resource, settings: TelemetrySettings, processor: SpanProcessor
) -> TracerProvider:
    """Return a provider that keeps the settings' share of new traces and follows a caller's decision."""
    provider = TracerProvider(resource=resource, sampler=ParentBasedTraceIdRatio(settings.sample_ratio))
    provider.add_span_processor(processor)
    return provider
