"""Brings simulated errors about: around each actor's function, so that they take the way of real ones."""

from __future__ import annotations

import functools
import logging
import os
import signal
import time
from collections.abc import Callable
from typing import Any, Final

import dramatiq
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.broker import Broker
from dramatiq.middleware import Middleware

from analysis_worker.runtime.children import ChildPool
from analysis_worker.runtime.simulation.rules import DEFAULT_MS, Effect, Rule, Struck, fate
from analysis_worker.runtime.simulation.store import LosableClient
from common.broker import JobBroker, RunningJob, current_job
from common.errors import StoreUnavailable
from common.job.failure import AttemptFailed
from common.store import jobs

#: Exit status of a worker that ends on purpose.
EXIT_STATUS: Final = 70
_log = logging.getLogger(__name__)


class SimulatedErrors(Middleware):
    """Strikes attempts by the rules. Of no use without `LosableClient` under the broker."""

    def __init__(self, rules: tuple[Rule, ...], seed: int, children: ChildPool, store: LosableClient) -> None:
        self._rules = rules
        self._seed = seed
        self._children = children
        self._store = store

    def __str__(self) -> str:
        return "; ".join(map(str, self._rules))

    def after_declare_actor(self, broker: Broker, actor: dramatiq.Actor[Any, Any]) -> None:
        if isinstance(broker, JobBroker):
            actor.fn = self._struck(broker, actor.fn)

    def _struck(self, broker: JobBroker, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            job = current_job()
            rule = None if job is None else fate(self._rules, self._seed, _seen(broker, job))
            if job is not None and rule is not None:
                _log.warning("job %s attempt %d is struck by %s", job.job_id, job.attempt, rule)
                self._strike(job, rule)
            return function(*args, **kwargs)

        return run

    def _strike(self, job: RunningJob, rule: Rule) -> None:
        """Do what a rule says; return if the attempt goes on after that."""
        match rule.effect:
            case Effect.SLOW:
                _take_time(job, DEFAULT_MS[Effect.SLOW] if rule.ms is None else rule.ms)
            case Effect.LOSE_STORE:
                self._store.lose(DEFAULT_MS[Effect.LOSE_STORE] if rule.ms is None else rule.ms)
            case Effect.CRASH_CHILD:
                thread = get_event_loop_thread()
                if thread is not None:
                    thread.run_coroutine(_crash_child(self._children, job))
            case Effect.EXIT:
                os._exit(EXIT_STATUS)
            case error_class:
                raise AttemptFailed(
                    error_class,
                    "SIMULATED",
                    f"a simulated error: {rule}",
                    suggestion="unset WORKER_SIMULATE_ERRORS of the workers",
                    retry_after_ms=rule.ms,
                )


def _seen(broker: JobBroker, job: RunningJob) -> Struck:
    """Return what rules look at; without the record, no more than the lease says."""
    try:
        snapshot = broker.runner.run(jobs.get(broker.queues[job.queue], job.job_id))
    except StoreUnavailable:
        snapshot = None
    if snapshot is None:
        return Struck(job.job_id, job.attempt, job.actor, "")
    return Struck(job.job_id, job.attempt, job.actor, snapshot.job.job_type, snapshot.job.labels)


def _take_time(job: RunningJob, duration_ms: int) -> None:
    """Run for so long, but no longer than the attempt may, and stop when it is told to."""
    until_s = time.monotonic() + duration_ms / 1000
    while not job.cancel_requested and (left_s := until_s - time.monotonic()) > 0:
        if job.remaining_ms == 0:
            raise TimeoutError
        time.sleep(min(left_s, 0.02, max(job.remaining_ms / 1000, 0.001)))


async def _crash_child(children: ChildPool, job: RunningJob) -> None:
    async with children.hold(1, lambda used: job.spend(used.cpu_s, used.peak_bytes)) as lanes:
        await lanes[0].run(_crash)


def _crash() -> None:
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)
    signal.pause()
