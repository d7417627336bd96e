"""When a worker may be relied on, and when it should be restarted: each ailment, brought about."""

from __future__ import annotations

import asyncio
import datetime
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import dramatiq
import grpc
import psutil
import pytest
import redis
from dramatiq.asyncio import get_event_loop_thread
from grpc_health.v1 import health_pb2, health_pb2_grpc

from analysis_worker.engines.openai.in_turn import Models
from analysis_worker.paid.retiring import Retiring
from analysis_worker.runtime.about import about
from analysis_worker.runtime.ailments import Limits, Parts, ailments
from analysis_worker.runtime.children import ChildPool
from analysis_worker.runtime.health import LIVENESS, READINESS, AddressUnusable, HealthServer
from analysis_worker.runtime.pulse import Pulse
from bothsides_stack.embedded import EmbeddedServer
from common.broker import JobBroker
from common.broker.reporter import Reporter
from common.provider.models import ModelTable
from common.store.operation import SyncRunner
from common.store.workers import WorkerReport, list_workers
from support import child_work
from support.waiting import wait_until
from support.workers import working

NAMESPACE = "bothsides"
QUEUE = "exports"
#: Anything that does not answer for longer than a moment counts, in these tests.
LIMITS = Limits(
    silence_ms=500,
    lag_ms=300,
    stuck_ms=1_000,
    children_ms=500,
    children_lost_ms=2_000,
    overdue_ms=200,
    overdue_stuck_ms=1_500,
)
#: By then a child has started, however busy the machine is; later it is replaced (s).
ANSWER_S = 8.0


@dataclass
class Watched:
    """A worker in this process that is looked at often."""

    parts: Parts
    children: ChildPool
    limits: Limits = LIMITS
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def broker(self) -> JobBroker:
        return self.parts.broker

    def found(self) -> list[str]:
        self.parts.pulse.look()
        return [ailment.text for ailment in ailments(self.parts, self.limits)]

    def needs_restart(self) -> bool:
        self.parts.pulse.look()
        return any(ailment.needs_restart for ailment in ailments(self.parts, self.limits))

    def is_well(self) -> bool:
        return self.found() == []

    def run_a_job(self) -> None:
        """Have the broker's threads begin, which are started with the first use."""
        actor = self.broker.get_actor("nothing")
        actor.send()
        self.broker.join(QUEUE, timeout=20_000)


@contextmanager
def watched(
    client: redis.Redis,
    *,
    lease_ms: int = 30_000,
    warm: Callable[[], None] | None = None,
    retiring: Callable[[], Sequence[str]] = tuple,
) -> Iterator[Watched]:
    broker = JobBroker(client, namespace=NAMESPACE, lease_ms=lease_ms, reports=False)

    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    def nothing() -> None: ...

    pool = ChildPool(1, warm=warm)
    pool.start()
    pulse = Pulse(pool, ask_every_s=0.05, answer_s=ANSWER_S)
    with working(broker, threads=2) as worker:
        said = about(pool, pulse, retiring=retiring)
        reporter = Reporter(broker, lambda: (QUEUE,), more=said, every_s=0.02)
        reporter.start()
        made = Watched(Parts(worker, broker, reporter, pulse, retiring), pool)
        try:
            yield made
        finally:
            made.released.set()
            reporter.close()
            pool.close()


@contextmanager
def probed(parts: Parts) -> Iterator[tuple[HealthServer, Callable[[str], str]]]:
    """Answer health; yields the server, and what it says of a service."""
    server = HealthServer("127.0.0.1:0", parts, LIMITS)
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)

            def status(service: str) -> str:
                answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
                name: str = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
                return name

            yield server, status
    finally:
        server.close()


@pytest.fixture
def well(client: redis.Redis) -> Iterator[Watched]:
    """A worker in good health, all of whose threads run."""
    with watched(client) as made:
        made.run_a_job()
        wait_until(made.is_well)
        yield made


class TestOverdueActors:
    """A plain actor that blocks past its time limit cannot be stopped; it is seen, and told."""

    def test_one_is_told_and_two_that_hold_all_threads_end_readiness_and_then_need_a_restart(
        self, well: Watched
    ) -> None:
        gates = [threading.Event(), well.released]

        @dramatiq.actor(broker=well.broker, queue_name=QUEUE, timeout_ms=100)
        def dawdle(gate: int) -> None:
            gates[gate].wait(60)

        # Given one of two threads, and a coroutine that was stopped in time: told, and no more
        @dramatiq.actor(broker=well.broker, queue_name=QUEUE, timeout_ms=100, max_retries=0)
        async def obey() -> None:
            await asyncio.sleep(60)

        obey.send()
        dawdle.send(0)
        first = "1 of 2 threads run actors past their time limit: dawdle"
        wait_until(lambda: well.found() == [first])
        assert not well.needs_restart()
        with probed(well.parts) as (_, status):
            wait_until(lambda: status(READINESS) == "SERVING")

            # When the other thread is held, too, then no job is taken any more
            dawdle.send(1)
            wait_until(lambda: status(READINESS) == "NOT_SERVING")
            assert well.found() == ["2 of 2 threads run actors past their time limit: dawdle"]
            # And since nothing else would end that, a restart is the remedy.
            wait_until(lambda: status(LIVENESS) == "NOT_SERVING")

            gates[0].set()
            wait_until(lambda: (status(READINESS), status(LIVENESS)) == ("SERVING", "SERVING"))
        assert well.found() == ["1 of 2 threads run actors past their time limit: dawdle"]


class TestThreads:
    """A thread that has ended does not come back: the process is to be restarted."""

    def ended(self, well: Watched, text: str) -> None:
        wait_until(lambda: well.found() == [text])
        assert well.needs_restart()

    def test_a_consumer_thread(self, well: Watched) -> None:
        well.parts.worker.consumers[QUEUE].stop()
        self.ended(well, "a consumer thread has ended")

    def test_a_worker_thread(self, well: Watched) -> None:
        well.parts.worker.workers[0].stop()
        self.ended(well, "a worker thread has ended")

    def test_the_thread_that_renews_leases(self, well: Watched) -> None:
        well.broker.keeper.close()
        self.ended(well, "the thread that renews leases has ended")

    def test_the_thread_that_writes_outcomes(self, well: Watched) -> None:
        well.broker.committer.close()
        self.ended(well, "the thread that writes outcomes has ended")

    def test_the_thread_that_hears_of_cancels(self, well: Watched) -> None:
        well.broker.cancels.close()
        self.ended(well, "the thread that hears of cancels has ended")

    def test_the_thread_that_interrupts(self, well: Watched) -> None:
        well.broker.interrupter.close()
        self.ended(well, "the thread that interrupts plain actors has ended")

    def test_the_thread_that_reports(self, client: redis.Redis) -> None:
        with watched(client) as made:
            made.limits = Limits()  # its last report is fresh still
            wait_until(made.is_well)
            made.parts.reporter.close()
            self.ended(made, "the thread that reports has ended")

    def test_those_of_a_worker_that_stops_end_as_they_should(self, well: Watched) -> None:
        well.broker.draining.set()
        well.parts.worker.consumers[QUEUE].stop()
        assert well.found() == ["it is stopping"]
        assert not well.needs_restart()


class TestEventLoop:
    def test_a_coroutine_that_blocks_is_noticed_and_one_that_goes_on_blocking_needs_a_restart(
        self, well: Watched
    ) -> None:
        thread = get_event_loop_thread()
        assert thread is not None
        thread.loop.call_soon_threadsafe(well.released.wait)

        wait_until(lambda: any("event loop" in text for text in well.found()))
        wait_until(well.needs_restart)

        well.released.set()
        wait_until(well.is_well)

    def test_its_lag_stands_in_the_workers_report(self, well: Watched) -> None:
        thread = get_event_loop_thread()
        assert thread is not None
        thread.loop.call_soon_threadsafe(well.released.wait)

        def lag_ms() -> int:
            # A look before this one may have been answered before the loop was held up.
            well.parts.pulse.look()
            # A worker of a test before this one may have had the last word after the store was emptied.
            _, reports = well.broker.runner.run(list_workers(NAMESPACE))
            return max(report.loop_lag_ms for report in reports)

        wait_until(lambda: lag_ms() > 300)


class TestChildren:
    def test_a_child_that_does_not_answer_is_noticed_and_replaced(self, well: Watched) -> None:
        child = psutil.Process(well.children.pids[0])
        child.send_signal(signal.SIGSTOP)

        wait_until(lambda: well.found() == ["no child process answers"])

        wait_until(lambda: well.is_well() and well.children.pids != [child.pid], timeout_s=60)

    def test_a_child_that_was_killed_is_replaced_before_anyone_needs_it(self, well: Watched) -> None:
        before = well.children.pids
        psutil.Process(before[0]).kill()

        wait_until(lambda: well.found() is not None and well.children.pids != before)
        wait_until(lambda: well.is_well() and well.children.alive == 1)

    def test_children_that_never_answer_need_a_restart(self, client: redis.Redis) -> None:
        with watched(client, warm=child_work.never) as made:
            wait_until(lambda: made.found() == ["no child process answers"])
            wait_until(made.needs_restart)

    def test_a_child_that_is_busy_is_left_alone(self, well: Watched, tmp_path: Path) -> None:
        started = tmp_path / "started"

        async def be_busy() -> None:
            async with well.children.hold() as lanes:
                await lanes[0].run(child_work.compute_for_ever, str(started))

        thread = get_event_loop_thread()
        assert thread is not None
        call = asyncio.run_coroutine_threadsafe(be_busy(), thread.loop)
        wait_until(started.exists)
        assert (well.children.busy, well.children.idle) == (1, 0)
        for _ in range(40):
            assert "no child process answers" not in well.found()
            well.released.wait(0.05)
        assert not call.done()
        call.cancel()
        wait_until(call.done)

    def test_they_stand_in_the_workers_report(self, well: Watched) -> None:
        def report() -> WorkerReport:
            _, [found] = well.broker.runner.run(list_workers(NAMESPACE))
            return found

        wait_until(lambda: report().running == report().busy_children == 0)
        said = report()
        assert (said.queues, said.slots, said.children, said.simulates) == ((QUEUE,), 2, 1, "")
        assert (said.limits, said.running_by_queue) == ({}, {})
        assert said.version != ""

        @dramatiq.actor(broker=well.broker, queue_name=QUEUE)
        def hold() -> None:
            well.released.wait(60)

        hold.send()
        wait_until(lambda: report().running_by_queue == {QUEUE: 1})


class TestStore:
    """That the store is slow or away is no reason to restart a worker, which keeps its outcomes."""

    @pytest.fixture
    def server(self) -> Iterator[EmbeddedServer]:
        with EmbeddedServer() as server:
            yield server

    @contextmanager
    def on(self, server: EmbeddedServer) -> Iterator[Watched]:
        with (
            redis.Redis.from_url(server.url, protocol=2, socket_timeout=1) as client,
            watched(client, lease_ms=600) as made,
        ):
            made.run_a_job()
            wait_until(made.is_well)
            yield made

    def test_one_that_goes_away_is_noticed_and_its_return_too(self, server: EmbeddedServer) -> None:
        with self.on(server) as made:
            server.kill()
            wait_until(lambda: "the store does not answer" in made.found())
            assert not made.needs_restart()

            server.restart()
            wait_until(made.is_well)

    def test_one_that_hangs_is_noticed_in_leases_and_outcomes(self, server: EmbeddedServer) -> None:
        begun = threading.Event()
        with self.on(server) as made:

            @dramatiq.actor(broker=made.broker, queue_name=QUEUE)
            def held() -> None:
                begun.set()
                made.released.wait(60)

            held.send()
            assert begun.wait(20)
            process = psutil.Process(server.pid)
            process.suspend()
            try:
                wait_until(lambda: "leases are not renewed" in made.found())
                made.released.set()
                wait_until(lambda: "outcomes are not written" in made.found())
                assert not made.needs_restart()
            finally:
                process.resume()
            wait_until(made.is_well)

    def test_one_that_has_never_answered_makes_no_worker_ready(self, server: EmbeddedServer) -> None:
        url = server.url
        server.kill()
        with redis.Redis.from_url(url, protocol=2) as client, watched(client) as made:
            assert "the store has not answered yet" in made.found()
            assert not made.needs_restart()
            server.restart()
            wait_until(made.is_well)


class TestServer:
    def test_a_stop_is_final_and_ends_readiness_alone(self, well: Watched) -> None:
        with probed(well.parts) as (server, status):
            for service in ("", READINESS, LIVENESS):
                wait_until(lambda service=service: status(service) == "SERVING")  # type: ignore[misc]
            server.say_stopping()
            assert [status(service) for service in ("", READINESS, LIVENESS)] == [
                "NOT_SERVING",
                "NOT_SERVING",
                "SERVING",
            ]

    def test_a_store_that_is_away_ends_readiness_alone(self) -> None:
        with (
            EmbeddedServer() as store,
            redis.Redis.from_url(store.url, protocol=2) as client,
            watched(client) as made,
            probed(made.parts) as (_, status),
        ):
            wait_until(lambda: status(READINESS) == "SERVING")
            store.kill()
            wait_until(lambda: status(READINESS) == "NOT_SERVING")
            assert status(LIVENESS) == "SERVING"
            store.restart()
            wait_until(lambda: status(READINESS) == "SERVING")

    def test_a_dead_thread_ends_both(self, well: Watched) -> None:
        with probed(well.parts) as (_, status):
            wait_until(lambda: status(READINESS) == "SERVING")
            well.broker.keeper.close()
            wait_until(lambda: status(LIVENESS) == "NOT_SERVING")
            assert status(READINESS) == "NOT_SERVING"

    def test_two_workers_cannot_share_an_address(self, well: Watched) -> None:
        with (
            probed(well.parts) as (first, _),
            pytest.raises(AddressUnusable, match="WORKER_HEALTH_ADDR"),
        ):
            HealthServer(f"127.0.0.1:{first.port}", well.parts)


def test_a_worker_is_on_the_register_until_it_stops(client: redis.Redis) -> None:
    with watched(client) as made:
        wait_until(made.is_well)
        runner = made.broker.runner
        assert len(runner.run(list_workers(NAMESPACE))[1]) == 1
    assert runner.run(list_workers(NAMESPACE))[1] == []


class TestRetiringModels:
    """A model that will be switched off is told of, day by day, while jobs still go well."""

    def test_the_day_comes_while_the_worker_runs(
        self, client: redis.Redis, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO", "analysis_worker.runtime.health")
        day = [datetime.date(2026, 11, 14)]
        retiring = Retiring(ModelTable(), "gpt-4o-mini", today=lambda: day[0])
        runner = SyncRunner(client)

        def told(warning: str) -> bool:
            """Say whether the report and the log have it."""
            _, [report] = runner.run(list_workers(NAMESPACE))
            return report.retiring == (warning,) and f"serving, but: {warning}" in caplog.text

        with watched(client, retiring=retiring) as well:
            well.run_a_job()
            wait_until(well.is_well)
            with probed(well.parts) as (_, says):
                wait_until(lambda: says(READINESS) == "SERVING")
                assert "but" not in caplog.text
                soon = "model gpt-4o-mini is announced to be switched off on 2027-01-14: use gpt-6-luna"
                day[0] = datetime.date(2026, 11, 15)
                wait_until(lambda: told(soon))
                late = "model gpt-4o-mini was to be switched off on 2027-01-14: use gpt-6-luna"
                day[0] = datetime.date(2027, 1, 14)
                wait_until(lambda: told(late))
                # It still takes jobs: they say themselves what they do without their model
                assert says(READINESS) == says(LIVENESS) == "SERVING"
                assert well.found() == [late]

    def test_all_models_of_the_settings_are_looked_at_each_once(self) -> None:
        day = datetime.date(2100, 1, 1)
        told = Retiring(ModelTable(), "gpt-6-luna", "gpt-4o-mini", "gpt-4o-mini", today=lambda: day)()
        assert [warning.split()[1] for warning in told] == ["gpt-4o-mini"]

    def test_a_fallback_is_asked_until_its_day_and_a_model_that_a_job_names_always(self) -> None:
        for day, asked in (("2027-01-13", ["gpt-6-luna", "gpt-4o-mini"]), ("2027-01-14", ["gpt-6-luna"])):
            models = Models(ModelTable(), "gpt-6-luna", today=partial(datetime.date.fromisoformat, day))
            assert [card.name for card in models.cards()] == asked
            own = replace(models, first="gpt-4o-mini", others=())
            assert [card.name for card in own.cards()] == ["gpt-4o-mini"]

    def test_a_model_of_no_end_and_one_that_nobody_knows_are_not_told_of(self) -> None:
        for model in ("gpt-6-luna", "unheard"):
            assert Retiring(ModelTable(), model, today=lambda: datetime.date(2100, 1, 1))() == ()
