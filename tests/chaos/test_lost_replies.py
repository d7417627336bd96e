"""A reply lost on the wire neither repeats nor strands anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import dramatiq
import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from bothsides_stack.embedded import EmbeddedServer
from common.broker import JobBroker
from common.job.states import JobState
from common.store import jobs, stats
from common.store.operation import script
from support.proxy import LossyProxy
from support.waiting import wait_until
from support.workers import working

JOIN_MS = 20_000


@pytest.fixture
def proxy(valkey: str, valkey_server: EmbeddedServer) -> Iterator[LossyProxy]:
    with LossyProxy("127.0.0.1", valkey_server.port) as between:
        yield between


@pytest.fixture
def broker(proxy: LossyProxy, valkey: str) -> Iterator[JobBroker]:
    """A broker behind the proxy, whose client repeats a command once on a new connection.

    The lease outlasts the 3 s after which Dramatiq restarts a consumer whose repeat was lost too.
    """
    once = Retry(ConstantBackoff(0.01), 1)
    password = urlsplit(valkey).password
    client = redis.Redis(port=proxy.port, password=password, protocol=2, retry=once, socket_timeout=5)
    made = JobBroker(client, namespace="lossy", lease_ms=10_000)
    yield made
    made.close()
    client.close()


@pytest.mark.parametrize("name", ["submit", "fetch", "finish", "progress", "renew"])
def test_a_lost_reply_changes_nothing(broker: JobBroker, proxy: LossyProxy, name: str) -> None:
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    async def work(number: int) -> None:
        from common.broker import current_job

        job = current_job()
        assert job is not None
        job.report(0.5, f"stage {number}")
        ran.append(number)

    with working(broker):
        for number in range(40):
            if number % 4 == 0:
                proxy.lose_reply_of(script(name).sha)
            work.send(number)
        broker.join("default", timeout=JOIN_MS)
    if name != "renew":  # forty short jobs may well end before any lease is renewed
        assert proxy.lost > 0
    assert sorted(ran) == list(range(40))
    total = broker.runner.run(stats.read_stats(broker.queues["default"])).total.totals
    assert (total["submitted"], total["started"], total["succeeded"]) == (40, 40, 40)


def test_connections_cut_again_and_again_lose_nothing(broker: JobBroker, proxy: LossyProxy) -> None:
    ran: list[int] = []
    over = threading.Event()

    @dramatiq.actor(broker=broker)
    def work(number: int) -> None:
        ran.append(number)

    def cut() -> None:
        while not over.wait(0.05):
            proxy.cut_all()

    messages: list[dramatiq.Message[None]] = []
    with working(broker):
        cutter = threading.Thread(target=cut)
        cutter.start()
        try:
            for number in range(60):
                messages += wait_until(lambda number=number: _sent(work, number))  # type: ignore[misc]
        finally:
            over.set()
            cutter.join()
        broker.join("default", timeout=JOIN_MS)
    # What was accepted ran; what the cut told the sender was lost may have been accepted too.
    assert set(ran) == set(range(60))
    for message in messages:
        snapshot = broker.runner.run(jobs.get(broker.queues["default"], message.options["job_id"]))
        assert snapshot is not None
        assert snapshot.job.state is JobState.SUCCEEDED


def _sent(actor: dramatiq.Actor[[int], None], number: int) -> list[dramatiq.Message[None]]:
    try:
        return [actor.send_with_options(args=(number,), request_id=f"r{number}")]
    except dramatiq.errors.ConnectionClosed:
        return []
