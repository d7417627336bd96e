"""Limits that all workers keep together: what a flood of one tenant costs another, and an exact window."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

from bothsides_stack.embedded import EmbeddedServer
from common.job.ids import JobId
from common.job.limits import Window
from common.job.states import JobState
from common.store.events import StateChanged, events_of
from common.store.operation import SyncRunner
from common.store.queue_settings import configure
from measure.report import Row, Sample, Section
from measure.systems import Ours
from measure.workers import LENGTHS, SLEEP_S, STAMPS, monotonic_s

FLOOD = 10_000
_SINGLES = 20


def tenants(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Flood a queue with one tenant's jobs of 20 ms, and send another's one by one while it drains.

    Beside it the same single jobs without a flood, and how long the flood's 20 ms really took: what of a wait
    is the machine's. How many of the flood started in between does not hang on the machine.
    """
    system = Ours("ours", server.url, 2)
    median, worst, behind, apart, longest = (
        Row("median of 20 single jobs"),
        Row("longest of 20 single jobs"),
        Row("most of the flood started between"),
        Row("longest of 20 without a flood"),
        Row("longest of the flood's own 20 ms"),
    )
    for _ in range(rounds):
        system.client.flushall()
        with system.workers():
            _single(system)  # the workers are there now
            waits = [_single(system) for _ in range(_SINGLES)]
            apart.samples.append(Sample(max(waits) / SLEEP_S))
            system.client.delete(LENGTHS)
            system.fill(int(FLOOD * scale), "sleep", tenant="flood")
            time.sleep(1)  # the flood runs, on all threads
            waits = sorted(_single(system) for _ in range(_SINGLES))
            lengths = [float(length) for length in system.client.lrange(LENGTHS, 0, -1)]
            between = _started_between(system)
        median.samples.append(Sample(waits[len(waits) // 2] / SLEEP_S))
        worst.samples.append(Sample(waits[-1] / SLEEP_S))
        behind.samples.append(Sample(max(between)))
        longest.samples.append(Sample(max(lengths) / SLEEP_S))
    return Section(
        f"A tenant's single job behind another's {int(FLOOD * scale):,}, 2 processes x 2 threads",
        "job lengths",
        [median, worst, behind, apart, longest],
        bars={worst.name: "bar 2", behind.name: "a number of jobs"},
    )


def _single(system: Ours) -> float:
    """Send one job; return how long it waited (s)."""
    system.actors["sleep"].send_with_options(args=(monotonic_s(),), tenant="single")
    while True:
        for stamp in system.client.lrange(STAMPS, -50, -1):
            waited_s, tenant, _, _ = stamp.decode().split()
            if tenant == "single":
                system.client.delete(STAMPS)
                return float(waited_s)
        time.sleep(SLEEP_S / 4)


def _started_between(system: Ours) -> list[int]:
    """Return how many of the flood started between submit and start of each of the last single jobs."""
    sent: dict[JobId, int] = {}
    between: list[int] = []
    flood = 0
    for event in _changes(system):
        if event.tenant == "flood":
            flood += event.state is JobState.RUNNING
        elif event.state is JobState.PENDING:
            sent[event.job_id] = flood
        elif event.state is JobState.RUNNING:
            between.append(flood - sent[event.job_id])
    return between[-_SINGLES:]


def window(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Run jobs through a window of 10 starts in 2 s with three worker processes."""
    limit, count = Window(10, 2_000), max(20, int(100 * scale))
    system = Ours("ours", server.url, 4, processes=3)
    most, attempts, stretch = (
        Row("most starts in any 2 s"),
        Row("attempts of a job"),
        Row("time over the ideal"),
    )
    ideal_ms = (count - 1) // limit.count * limit.period_ms
    for _ in range(rounds):
        system.client.flushall()
        run = SyncRunner(system.client).run
        run(configure(system.keys, {"window": str(limit)}))
        with system.workers():
            system.fill(count, "sleep")
            while system.left() > 0:
                time.sleep(0.05)
        starts = _starts(system)
        times = sorted(starts.elements())
        most.samples.append(Sample(max(_within(times, first, limit.period_ms) for first in times)))
        attempts.samples.append(Sample(len(times) / count))
        stretch.samples.append(Sample((times[-1] - times[0]) / ideal_ms))
    return Section(
        f"{limit.count} starts in {limit.period_ms} ms over 3 processes, {count} jobs",
        "",
        [most, attempts, stretch],
        bars={most.name: "bar 10", attempts.name: "bar 1", stretch.name: "bar 1.10"},
    )


def _starts(system: Ours) -> Counter[int]:
    """Return when jobs were leased, by the store's clock (ms)."""
    return Counter(event.at_ms for event in _changes(system) if event.state is JobState.RUNNING)


def _changes(system: Ours) -> Iterator[StateChanged]:
    """Read what has become of all jobs, in order."""
    for _, entry in system.client.xrange(system.keys.events):
        yield from (event for event in events_of(entry) if isinstance(event, StateChanged))


def _within(times: Sequence[int], first: int, period_ms: int) -> int:
    return bisect_left(times, first + period_ms) - bisect_left(times, first)
