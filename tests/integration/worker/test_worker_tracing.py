"""An attempt is a span in its job's trace."""

from __future__ import annotations

import dramatiq
import pytest
import redis
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from analysis_worker.runtime.tracing import Tracing
from common.broker import JobBroker
from common.telemetry.context import current_trace_id, inject
from support.worker_program import NAMESPACE, Desk
from support.workers import working

QUEUE = "exports"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(exporter))
    return made


@pytest.fixture
def broker(client: redis.Redis, provider: TracerProvider) -> JobBroker:
    made = JobBroker(client, namespace=NAMESPACE)
    made.add_middleware(Tracing(provider.get_tracer("test")))
    return made


def test_an_async_actor_runs_in_the_trace_of_who_submitted_it(
    client: redis.Redis, broker: JobBroker, provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    seen: list[str | None] = []

    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    async def look() -> None:
        seen.append(current_trace_id())

    # Given a job that was submitted inside a trace
    with provider.get_tracer("test").start_as_current_span("CreateJob") as submitting:
        sent = broker.enqueue(look.message_with_options(otel=inject()))
    with working(broker):
        Desk(client).final(sent.options["job_id"], QUEUE)

    # Then its attempt is a span of that trace, and its code sees it
    _, attempt = exporter.get_finished_spans()
    assert attempt.name == f"process {QUEUE}"
    assert attempt.kind is SpanKind.CONSUMER
    assert attempt.parent is not None
    assert attempt.parent.span_id == submitting.get_span_context().span_id
    assert attempt.attributes is not None
    assert attempt.attributes["messaging.message.id"] == sent.options["job_id"]
    assert seen == [f"{submitting.get_span_context().trace_id:032x}"]


def test_a_failed_attempt_is_an_error_by_its_type_and_not_by_its_text(
    client: redis.Redis, broker: JobBroker, exporter: InMemorySpanExporter
) -> None:
    @dramatiq.actor(broker=broker, queue_name=QUEUE, max_retries=0)
    def fail() -> None:
        raise LookupError("the-secret")

    sent = fail.send()
    with working(broker):
        Desk(client).final(sent.options["job_id"], QUEUE)

    [attempt] = exporter.get_finished_spans()
    assert attempt.status.status_code is StatusCode.ERROR
    assert attempt.attributes is not None
    assert attempt.attributes["error.type"] == "LookupError"
    assert "the-secret" not in attempt.to_json()


def test_a_message_with_a_broken_trace_runs_all_the_same(
    client: redis.Redis, broker: JobBroker, exporter: InMemorySpanExporter
) -> None:
    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    def work() -> None:
        """Do nothing."""

    sent = broker.enqueue(work.message_with_options(otel={"traceparent": "nonsense"}))
    with working(broker):
        Desk(client).final(sent.options["job_id"], QUEUE)

    [attempt] = exporter.get_finished_spans()
    assert attempt.parent is None
    assert attempt.status.is_unset
