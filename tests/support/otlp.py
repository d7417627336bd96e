"""A real OTLP receiver in this process, and what it received."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


@dataclass
class Collector:
    """What was sent, by resource."""

    endpoint: str = ""
    spans: list[Any] = field(default_factory=list)
    points: list[Any] = field(default_factory=list)


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, kept: list[Any]) -> None:
        self._kept = kept

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._kept.extend(request.resource_spans)
        return trace_service_pb2.ExportTraceServiceResponse()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, kept: list[Any]) -> None:
        self._kept = kept

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._kept.extend(request.resource_metrics)
        return metrics_service_pb2.ExportMetricsServiceResponse()


@contextmanager
def otlp_collector() -> Iterator[Collector]:
    """Receive as long as the `with` lasts."""
    made = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Traces(made.spans), server)  # type: ignore[no-untyped-call]
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Metrics(made.points), server)  # type: ignore[no-untyped-call]
    made.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield made
    finally:
        server.stop(None).wait()
