"""The rules by which a worker is well: what is wrong with it, and whether a restart is the remedy.

A slow or absent store is no fault of the worker's: a restart would only lose the outcomes that it keeps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import dramatiq

from analysis_worker.runtime.pulse import Pulse
from common.broker import JobBroker
from common.broker.overdue import OVERDUE_AFTER_MS, overdue
from common.broker.reporter import Reporter


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on something counts as wrong (ms)."""

    #: The store was silent: three reports have failed.
    silence_ms: float = 15_000
    #: The event loop is late; and so late that what blocks it will not end by itself.
    lag_ms: float = 5_000
    stuck_ms: float = 60_000
    #: No child process answers; and for so long that replacing them does not help.
    children_ms: float = 15_000
    children_lost_ms: float = 300_000
    #: A plain actor runs past its time limit; and so do all that there is room for, so that none is taken.
    overdue_ms: int = OVERDUE_AFTER_MS
    overdue_stuck_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class Ailment:
    """One thing that is wrong."""

    #: In words, for the log.
    text: str
    #: It does not pass by itself: the process should be restarted.
    needs_restart: bool = False
    #: Jobs go well in spite of it: it is to be told, and no more.
    only_told: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """What is looked at."""

    worker: dramatiq.Worker
    broker: JobBroker
    reporter: Reporter
    pulse: Pulse
    #: Models near or past their end, in words.
    retiring: Callable[[], Sequence[str]] = tuple


def ailments(parts: Parts, limits: Limits) -> list[Ailment]:
    """Return why this worker cannot be relied on to run jobs, then what is only to be told; empty if well."""
    told = (Ailment(text, only_told=True) for text in parts.retiring())
    return [
        *_threads(parts),
        *_pulse(parts.pulse, limits),
        *_store(parts, limits),
        *_overdue(parts, limits),
        *told,
    ]


def _threads(parts: Parts) -> Iterator[Ailment]:
    worker, broker = parts.worker, parts.broker
    # While it stops, its threads end one by one, as they should.
    if broker.draining.is_set():
        yield Ailment("it is stopping")
        return
    if not _all_alive(worker.workers):
        yield Ailment("a worker thread has ended", needs_restart=True)
    if not _all_alive(worker.consumers.values()):
        yield Ailment("a consumer thread has ended", needs_restart=True)
    if not broker.keeper.alive:
        yield Ailment("the thread that renews leases has ended", needs_restart=True)
    if not broker.committer.alive:
        yield Ailment("the thread that writes outcomes has ended", needs_restart=True)
    if not broker.cancels.alive:
        yield Ailment("the thread that hears of cancels has ended", needs_restart=True)
    if not broker.interrupter.alive:
        yield Ailment("the thread that interrupts plain actors has ended", needs_restart=True)
    if parts.reporter.begun and not parts.reporter.alive:
        yield Ailment("the thread that reports has ended", needs_restart=True)


def _all_alive(threads: Iterable[threading.Thread]) -> bool:
    states = [thread.is_alive() for thread in threads]
    return bool(states) and all(states)


def _pulse(pulse: Pulse, limits: Limits) -> Iterator[Ailment]:
    if pulse.lag_ms >= limits.lag_ms:
        stuck = pulse.lag_ms >= limits.stuck_ms
        yield Ailment("the event loop is held up: a coroutine computes or blocks", needs_restart=stuck)
    if pulse.children_silent_ms >= limits.children_ms:
        lost = pulse.children_silent_ms >= limits.children_lost_ms
        yield Ailment("no child process answers", needs_restart=lost)


def _overdue(parts: Parts, limits: Limits) -> Iterator[Ailment]:
    held = overdue(parts.broker.running_jobs(), limits.overdue_ms)
    if not held:
        return
    threads = len(parts.worker.workers)
    names = ", ".join(sorted({job.actor for job in held}))
    text = f"{len(held)} of {threads} threads run actors past their time limit: {names}"
    if len(held) < threads:
        yield Ailment(text, only_told=True)
    else:
        yield Ailment(text, needs_restart=len(overdue(held, limits.overdue_stuck_ms)) == len(held))


def _store(parts: Parts, limits: Limits) -> Iterator[Ailment]:
    broker, reporter = parts.broker, parts.reporter
    if broker.keeper.silence_ms >= broker.lease_ms:
        yield Ailment("leases are not renewed")
    if broker.committer.waiting_ms >= broker.lease_ms:
        yield Ailment("outcomes are not written")
    if not reporter.reported:
        yield Ailment("the store has not answered yet")
    elif reporter.silence_ms >= limits.silence_ms:
        yield Ailment("the store does not answer")
