"""The trace of a call: made, continued, finished with the call's code, and sent to a collector."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bothsides.jobs import v1 as pb
from common.errors import JobNotFound
from common.settings import AuthSettings, TelemetrySettings
from common.telemetry.context import current_trace_id
from common.telemetry.providers import make_tracer_provider
from common.telemetry.setup import Telemetry
from support.otlp import Collector, otlp_collector
from support.rpc import ScriptedJobs, Torrent, failed_stream, failure, leave_in_the_middle, serving
from support.waiting import wait_until_async

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"
HIDDEN = "what Ana said in private"


class Traced(ScriptedJobs):
    """Answers with the trace id that the servicer sees."""

    async def GetJob(self, request: pb.GetJobRequest, context: Any) -> pb.Job:
        self._answer(request)
        return pb.Job(trace_id=current_trace_id() or "")


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def telemetry_into(spans: InMemorySpanExporter) -> Telemetry:
    return Telemetry(make_tracer_provider(Resource.create(), TelemetrySettings(), SimpleSpanProcessor(spans)))


def trace_id_of(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return f"{context.trace_id:032x}"


async def test_a_call_is_a_child_of_its_callers_span_and_the_servicer_is_within_it(
    spans: InMemorySpanExporter,
) -> None:
    metadata = (("traceparent", f"00-{TRACE_ID}-{PARENT_ID}-01"),)
    async with serving(Traced(), interceptors=telemetry_into(spans).server_interceptors()) as channel:
        job = await pb.JobServiceStub(channel).GetJob(pb.GetJobRequest(job_id="j"), metadata=metadata)

    [span] = spans.get_finished_spans()
    assert job.trace_id == trace_id_of(span) == TRACE_ID
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == PARENT_ID
    assert span.name == "/bothsides.jobs.v1.JobService/GetJob"


async def test_a_callers_decision_not_to_sample_is_followed(spans: InMemorySpanExporter) -> None:
    metadata = (("traceparent", f"00-{TRACE_ID}-{PARENT_ID}-00"),)
    async with serving(Traced(), interceptors=telemetry_into(spans).server_interceptors()) as channel:
        job = await pb.JobServiceStub(channel).GetJob(pb.GetJobRequest(job_id="j"), metadata=metadata)

    assert spans.get_finished_spans() == ()
    assert job.trace_id == TRACE_ID


async def test_a_span_has_the_code_that_its_call_ended_with_and_no_private_text(
    spans: InMemorySpanExporter,
) -> None:
    script = {"missing": lambda: JobNotFound("missing"), "broken": lambda: ValueError(HIDDEN)}
    async with serving(
        ScriptedJobs(script), interceptors=telemetry_into(spans).server_interceptors()
    ) as channel:
        stub = pb.JobServiceStub(channel)
        await failure(stub.GetJob(pb.GetJobRequest(job_id="missing")))
        await failed_stream(stub.WatchJob(pb.WatchJobRequest(job_id="broken")))

    unary, stream = spans.get_finished_spans()
    codes = [dict(span.attributes or {})["rpc.grpc.status_code"] for span in (unary, stream)]
    assert codes == [grpc.StatusCode.NOT_FOUND.value[0], grpc.StatusCode.INTERNAL.value[0]]
    assert HIDDEN not in unary.to_json() + stream.to_json()


async def test_a_call_that_is_refused_at_the_door_is_traced_too(spans: InMemorySpanExporter) -> None:
    interceptors = telemetry_into(spans).server_interceptors()
    guarded = AuthSettings(secret="the tests' own secret, long enough for HS256")
    async with serving(ScriptedJobs(), auth=guarded, interceptors=interceptors) as channel:
        stub = pb.JobServiceStub(channel)
        unary = await failure(stub.GetJob(pb.GetJobRequest(job_id="j")))
        _, stream = await failed_stream(stub.WatchJob(pb.WatchJobRequest(job_id="j")))

    assert {unary.code(), stream.code()} == {grpc.StatusCode.UNAUTHENTICATED}
    codes = [dict(span.attributes or {})["rpc.grpc.status_code"] for span in spans.get_finished_spans()]
    assert codes == [grpc.StatusCode.UNAUTHENTICATED.value[0]] * 2


async def test_an_unforeseen_error_is_reported_under_its_trace(spans: InMemorySpanExporter) -> None:
    script = {"broken": lambda: ValueError(HIDDEN)}
    async with serving(
        ScriptedJobs(script), interceptors=telemetry_into(spans).server_interceptors()
    ) as channel:
        error = await failure(pb.JobServiceStub(channel).GetJob(pb.GetJobRequest(job_id="broken")))

    [span] = spans.get_finished_spans()
    assert trace_id_of(span) in (error.details() or "")


async def test_a_caller_that_leaves_a_stream_leaves_a_finished_span_behind(
    spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    servicer = Torrent()
    interceptors = telemetry_into(spans).server_interceptors()
    async with serving(servicer, interceptors=interceptors) as channel:
        await leave_in_the_middle(channel, servicer)

        async def finished() -> int:
            return len(spans.get_finished_spans())

        assert await wait_until_async(finished) == 1
    assert caplog.records == []


async def test_probes_leave_no_spans_and_still_work(spans: InMemorySpanExporter) -> None:
    async with serving(Traced(), interceptors=telemetry_into(spans).server_interceptors()) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        await health.Check(health_pb2.HealthCheckRequest())
        watch = health.Watch(health_pb2.HealthCheckRequest())
        await watch.read()
        watch.cancel()

    assert spans.get_finished_spans() == ()


def test_without_an_endpoint_there_is_nothing_around_a_call() -> None:
    telemetry = Telemetry.start("scheduler", TelemetrySettings())

    assert telemetry.server_interceptors() == ()
    telemetry.shutdown()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with otlp_collector() as served:
        yield served


#: What a service does, in a process of its own because providers are global.
PROGRAM = """
import sys
from opentelemetry import metrics, trace
from common.settings import AuthSettings, TelemetrySettings
from common.telemetry.setup import Telemetry

telemetry = Telemetry.start("scheduler", TelemetrySettings(otlp_endpoint=sys.argv[1]))
with trace.get_tracer("test").start_as_current_span("work"):
    metrics.get_meter("test").create_histogram("run", unit="s").record(0.004)
telemetry.shutdown()
"""


def test_a_process_sends_its_spans_and_metrics_before_it_ends(
    collector: Collector,
) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM, collector.endpoint], check=True, timeout=60)

    [traced] = collector.spans
    assert [span.name for span in traced.scope_spans[0].spans] == ["work"]
    attributes = {item.key: item.value.string_value for item in traced.resource.attributes}
    assert attributes["service.name"] == "scheduler"
    [histogram] = collector.points[0].scope_metrics[0].metrics
    [point] = histogram.histogram.data_points
    # 4 ms falls between the edges of 2 and 5 ms: buckets are made for seconds.
    assert list(point.bucket_counts)[2] == 1
