"""A job belongs to the trace of the call that created it, and takes it along to the worker."""

from __future__ import annotations

import redis
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from common.settings import TelemetrySettings
from common.telemetry.context import extract, trace_id_of
from common.telemetry.providers import make_tracer_provider
from common.telemetry.setup import Telemetry
from support.scheduler import BareWorker, Served, generic, serving

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


async def test_a_job_carries_the_trace_of_its_call(valkey: str, client: redis.Redis) -> None:
    spans = InMemorySpanExporter()
    provider = make_tracer_provider(Resource.create(), TelemetrySettings(), SimpleSpanProcessor(spans))
    interceptors = Telemetry(provider).server_interceptors()
    async with serving(valkey, interceptors=interceptors) as served:
        job = await served.jobs.CreateJob(generic("work"), metadata=(("traceparent", TRACEPARENT),))

    worker = BareWorker(client)
    message = worker.message(worker.fetch())

    assert job.trace_id == TRACE_ID
    assert trace_id_of(extract(message.options["otel"])) == TRACE_ID
    assert [span.name for span in spans.get_finished_spans()] == ["/bothsides.jobs.v1.JobService/CreateJob"]


async def test_without_telemetry_a_job_has_no_trace(scheduler: Served, worker: BareWorker) -> None:
    job = await scheduler.create()

    assert job.trace_id == ""
    assert "otel" not in worker.message(worker.fetch()).options
