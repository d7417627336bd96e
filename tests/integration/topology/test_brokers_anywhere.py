"""A broker on the master that sentinels name, and on a cluster, does all that it does on one server."""

from __future__ import annotations

import asyncio
import threading

import dramatiq
import pytest

from common.broker import JobBroker, current_job
from common.errors import RequestIdReused
from common.job.model import Content
from common.job.states import JobState
from common.store import documents, jobs, queues, stats, workers
from common.store.keys import QueueKeys
from common.store.operation import SyncRunner
from common.store.workers import WorkerReport
from support.places import Place
from support.waiting import wait_until
from support.workers import working

#: Queues whose slots lie on different nodes of the cluster: a test says so.
QUEUES = ("ai_analysis", "data_processing", "notifications", "exports", "maintenance", "default")
JOIN_MS = 20_000


@pytest.mark.parametrize("made_by", ["redis-py", "the platform"])
def test_actors_of_several_queues_run_to_their_end(place: Place, made_by: str) -> None:
    ran: list[tuple[str, int]] = []
    with place.plain_client() if made_by == "redis-py" else place.client() as client:
        broker = JobBroker(client, namespace="anywhere", lease_ms=2_000)

        @dramatiq.actor(broker=broker, max_retries=1, min_backoff=1, max_backoff=1)
        def work(queue: str, number: int) -> int:
            job = current_job()
            assert job is not None
            job.report(0.5, "half")
            job.keep_part("first", Content("text/plain", b"half"))
            if number == 0 and job.attempt == 1:
                raise ConnectionResetError("once")
            ran.append((queue, number))
            return number

        sent = [
            broker.enqueue(work.message(queue, number).copy(queue_name=queue))
            for number in range(10)
            for queue in QUEUES
        ]
        with working(broker, threads=4):
            for queue in QUEUES:
                broker.join(queue, timeout=JOIN_MS)
        snapshots = [snapshot_of(broker, one) for one in sent]
        broker.close()

    assert sorted(ran) == sorted((queue, number) for queue in QUEUES for number in range(10))
    assert {snapshot.job.state for snapshot in snapshots} == {JobState.SUCCEEDED}
    assert [snapshot.job.attempt for snapshot in snapshots] == [2] * 6 + [1] * 54
    assert {part.name for snapshot in snapshots for part in snapshot.parts} == {"first"}
    results = [snapshot.result for snapshot in snapshots]
    assert {result.data for result in results if result} == {str(number).encode() for number in range(10)}


def snapshot_of(broker: JobBroker, message: dramatiq.Message[int]) -> jobs.Snapshot:
    keys = broker.queues[message.queue_name]
    read = broker.runner.run(jobs.get(keys, message.options["job_id"], full=True))
    assert isinstance(read, jobs.Snapshot)
    return read


def test_an_idle_worker_waits_blocked_and_is_woken(place: Place) -> None:
    ran = threading.Event()
    with place.broker(namespace="anywhere") as broker:

        @dramatiq.actor(broker=broker)
        def work() -> None:
            ran.set()

        with working(broker):
            wait_until(lambda: any(one.info("clients")["blocked_clients"] for one in place.servers))
            work.send()
            assert ran.wait(20)


def test_a_running_job_hears_of_its_cancel(place: Place) -> None:
    begun, stopped = threading.Event(), threading.Event()
    # A lease so long that no renewal will bring the cancel: it comes over pub/sub.
    with place.broker(namespace="anywhere", lease_ms=600_000) as broker:

        @dramatiq.actor(broker=broker)
        async def wait() -> None:
            begun.set()
            try:
                await asyncio.sleep(60)
            finally:
                stopped.set()

        with working(broker):
            message = wait.send()
            assert begun.wait(20)
            wait_until(lambda: _subscribers(place, broker.queues["default"]))
            broker.runner.run(
                jobs.cancel(broker.queues["default"], message.options["job_id"], tenant="default")
            )
            assert stopped.wait(20)
            broker.join("default", timeout=JOIN_MS)


def _subscribers(place: Place, keys: QueueKeys) -> int:
    """Return how many connections hear of a queue's cancels, over all servers."""
    count = 0
    for server in place.servers:
        with server.client() as client:
            [(_, here)] = client.pubsub_numsub(keys.cancel_channel)
            count += here
    return count


def test_a_repeated_request_is_one_job(place: Place) -> None:
    with place.broker(namespace="anywhere") as broker:

        @dramatiq.actor(broker=broker)
        def work(number: int) -> None: ...

        first = work.send_with_options(args=(1,), request_id="r")
        again = work.send_with_options(args=(1,), request_id="r")
        assert first.options["job_id"] == again.options["job_id"]
        with pytest.raises(RequestIdReused):
            work.send_with_options(args=(2,), request_id="r")


def test_registers_reports_statistics_and_documents_are_kept(place: Place) -> None:
    with place.client() as client:
        runner = SyncRunner(client)
        for queue in QUEUES:
            runner.run(queues.declare_queue("anywhere", queue))
        report = WorkerReport("w1", "host", 1, "0.1.0", QUEUES, 4, 0, 1)
        runner.run(workers.report_worker("anywhere", report))
        for name in ("one", "two"):
            runner.run(
                documents.put_document("anywhere", documents.ANALYSES, "acme", name, body=b"b", about=b"a")
            )
        read = [runner.run(stats.read_stats(QueueKeys("anywhere", queue))) for queue in QUEUES]

        assert runner.run(queues.list_queues("anywhere")) == sorted(QUEUES)
        [seen] = runner.run(workers.list_workers("anywhere"))[1]
        assert seen.worker_id == "w1"
        kept = runner.run(documents.get_document("anywhere", documents.ANALYSES, "acme", "one"))
        assert kept is not None
        assert kept.body == b"b"
        missing = documents.missing_documents("anywhere", documents.ANALYSES, "acme", ["one", "three"])
        assert runner.run(missing) == {"three"}
        assert [one.ready for one in read] == [0] * len(QUEUES)
