"""A reply lost on the wire, or half a request, neither repeats nor strands anything."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import dramatiq
import pytest

from bothsides.jobs import v1 as pb
from common.broker import JobBroker, current_job
from common.job.states import JobState
from common.store import jobs, stats
from common.store.scripts import script
from support.broker_jobs import job_of
from support.proxied import client_behind
from support.proxy import LossyProxy
from support.scheduler import generic, serving
from support.waiting import wait_until
from support.workers import working

JOIN_MS = 20_000


@pytest.mark.parametrize("fault", [LossyProxy.lose_reply_of, LossyProxy.halve_request_of])
@pytest.mark.parametrize("name", ["submit", "fetch", "finish", "progress"])
def test_a_connection_cut_around_a_script_changes_nothing(
    broker: JobBroker, proxy: LossyProxy, name: str, fault: Callable[[LossyProxy, str], None]
) -> None:
    """Stock Dramatiq: a lost reply of enqueue runs a job twice, one of fetch strands what was fetched."""
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    async def work(number: int) -> None:
        job = current_job()
        assert job is not None
        job.report(0.5, f"stage {number}")
        ran.append(number)

    with working(broker):
        for number in range(40):
            if number % 4 == 0:
                fault(proxy, script(name).sha)
            work.send(number)
        broker.join("default", timeout=JOIN_MS)
    assert proxy.lost + proxy.halved > 0
    assert sorted(ran) == list(range(40))
    total = broker.runner.run(stats.read_stats(broker.queues["default"])).total.totals
    assert (total["submitted"], total["started"], total["succeeded"]) == (40, 40, 40)


def test_a_lost_reply_of_a_renewal_costs_nothing(proxy: LossyProxy, valkey: str) -> None:
    with client_behind(proxy, valkey) as client:
        broker = JobBroker(client, namespace="lossy", lease_ms=900)

        @dramatiq.actor(broker=broker)
        async def wait() -> None:
            while proxy.lost < 2:
                proxy.lose_reply_of(script("renew").sha)
                await asyncio.sleep(0.05)

        with working(broker):
            message = wait.send()
            broker.join("default", timeout=JOIN_MS)
        job = job_of(broker, message)
        assert (job.state, job.attempt, job.lost) == (JobState.SUCCEEDED, 1, 0)


@pytest.mark.parametrize("name", ["submit", "fetch", "finish"])
def test_a_reply_that_never_comes_is_as_good_as_lost(proxy: LossyProxy, valkey: str, name: str) -> None:
    """redis.TimeoutError: stock Dramatiq calls it a bug in Dramatiq, and runs the job again some day."""
    ran: list[int] = []
    with client_behind(proxy, valkey, timeout_s=0.3) as client:
        broker = JobBroker(client, namespace="lossy", lease_ms=10_000)

        @dramatiq.actor(broker=broker)
        def work(number: int) -> None:
            ran.append(number)

        with working(broker):
            for number in range(8):
                if number % 4 == 0:
                    proxy.withhold_reply_of(script(name).sha)
                work.send(number)
            broker.join("default", timeout=JOIN_MS)
        assert proxy.withheld > 0
        assert sorted(ran) == list(range(8))


@pytest.mark.parametrize("fault", [LossyProxy.lose_reply_of, LossyProxy.halve_request_of])
async def test_a_job_is_created_once_though_the_schedulers_connection_is_cut(
    proxy: LossyProxy, valkey: str, fault: Callable[[LossyProxy, str], None]
) -> None:
    url = valkey.rpartition(":")[0] + f":{proxy.port}/0"
    async with serving(url) as served:
        for number in range(5):
            fault(proxy, script("submit").sha)
            await served.create(generic(request_id=f"r{number}"))
        assert proxy.lost + proxy.halved == 5
        page = await served.jobs.ListJobs(pb.ListJobsRequest())
        assert len(page.jobs) == 5


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
