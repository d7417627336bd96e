"""A server at its memory limit takes nothing new; what runs ends, what waits drains, and then all is well."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import dramatiq
import pytest

from common.broker import JobBroker, current_job
from common.errors import StoreFull
from common.job.model import Content
from common.job.states import JobState
from common.store import documents, jobs, stats, workers
from common.store.workers import WorkerReport
from support.topology import Server, server
from support.waiting import wait_until
from support.workers import working


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    with server(tmp_path) as one:
        yield one


@pytest.fixture
def broker(own: Server) -> Iterator[JobBroker]:
    with own.client() as client:
        made = JobBroker(client, namespace="full", lease_ms=5_000)
        yield made
        made.close()


def fill(own: Server) -> None:
    """Set the limit below what the server uses."""
    with own.client() as client:
        client.config_set("maxmemory", "1")


def make_room(own: Server) -> None:
    with own.client() as client:
        client.config_set("maxmemory", "0")


def first_lease_ms(own: Server, broker: JobBroker) -> float:
    """Return when the first lease runs out."""
    with own.client() as client:
        [(_, expiry_ms)] = client.zrange(broker.queues["default"].prefix + "leases", 0, 0, withscores=True)
    return float(expiry_ms)


def snapshot_of(broker: JobBroker, message: dramatiq.Message[object]) -> jobs.Snapshot:
    read = broker.runner.run(jobs.get(broker.queues["default"], message.options["job_id"], full=True))
    assert isinstance(read, jobs.Snapshot)
    return read


def test_what_runs_ends_and_what_waits_drains(own: Server, broker: JobBroker) -> None:
    begun, go_on = threading.Event(), threading.Event()

    @dramatiq.actor(broker=broker, min_backoff=1, max_backoff=1)
    def work(number: int) -> str:
        job = current_job()
        assert job is not None
        begun.set()
        go_on.wait(20)
        job.report(0.5, "half")
        job.keep_part("first", Content("text/plain", b"part"))
        analysis = documents.put_document(
            "full", documents.ANALYSES, "acme", f"d{number}", body=b"b", job_id=job.job_id, attempt=1
        )
        assert broker.runner.run(analysis) > 0
        if number == 0 and job.attempt == 1:
            raise ConnectionResetError("once")
        return "done"

    with working(broker):
        # Given running jobs, waiting ones, and one for later
        sent: list[dramatiq.Message[object]] = [work.send(number) for number in range(50)]
        later = work.send_with_options(args=(50,), delay=3_600_000)
        assert begun.wait(20)
        # When the server is full
        fill(own)
        # Then nothing new is taken, by name
        with pytest.raises(StoreFull):
            work.send(51)
        with pytest.raises(StoreFull):
            broker.runner.run(documents.put_document("full", documents.CONVERSATIONS, "acme", "c", body=b"b"))
        # And all that was taken ends, with its result, a retry among it, on leases that were renewed
        filled_ms = first_lease_ms(own, broker)
        wait_until(lambda: first_lease_ms(own, broker) > filled_ms + 1_000)
        go_on.set()
        wait_until(lambda: {snapshot_of(broker, one).job.state for one in sent} == {JobState.SUCCEEDED})
        # And operators and workers are heard
        assert broker.runner.run(
            jobs.cancel(broker.queues["default"], later.options["job_id"], tenant="default")
        ).done
        broker.runner.run(workers.report_worker("full", WorkerReport("w", "h", 1, "1", (), 4, 0, 1)))
        # When there is room again, then jobs are taken
        make_room(own)
        again = work.send(52)
        wait_until(lambda: snapshot_of(broker, again).job.state is JobState.SUCCEEDED)

    results = [snapshot.result for one in sent if (snapshot := snapshot_of(broker, one))]
    assert {result.data for result in results if result} == {b'"done"'}
    assert snapshot_of(broker, sent[0]).job.attempt == 2
    assert broker.runner.run(stats.read_stats(broker.queues["default"])).total.totals.get("lost", 0) == 0
