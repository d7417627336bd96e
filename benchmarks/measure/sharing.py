"""Limits that all workers keep together: what a flood of one tenant costs another, and an exact window."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from bothsides_stack.embedded import EmbeddedServer
from common.job.limits import Window
from common.job.states import JobState
from common.store.events import StateChanged, events_of
from common.store.operation import SyncRunner
from common.store.queue_settings import configure
from measure.report import Row, Sample, Section
from measure.systems import Ours
from measure.workers import SLEEP_S, STAMPS, monotonic_s

FLOOD = 10_000
_SINGLES = 20


def tenants(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Flood a queue with one tenant's jobs of 20 ms, and send another's one by one while it drains."""
    system = Ours("ours", server.url, 2)
    median, worst = Row("median of 20 single jobs"), Row("longest of 20 single jobs")
    for _ in range(rounds):
        system.client.flushall()
        system.fill(int(FLOOD * scale), "sleep", tenant="flood")
        with system.workers():
            time.sleep(1)  # the flood runs, on all threads
            waits = sorted(_single(system) for _ in range(_SINGLES))
        median.samples.append(Sample(waits[len(waits) // 2] / SLEEP_S))
        worst.samples.append(Sample(waits[-1] / SLEEP_S))
    return Section(
        f"A tenant's single job behind another's {int(FLOOD * scale):,}, 2 processes x 2 threads",
        "job lengths",
        [median, worst],
        bars={worst.name: "bar 2"},
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
    entries = system.client.xrange(system.keys.events)
    events = [event for _, entry in entries for event in events_of(entry)]
    return Counter(
        event.at_ms for event in events if isinstance(event, StateChanged) and event.state is JobState.RUNNING
    )


def _within(times: Sequence[int], first: int, period_ms: int) -> int:
    return bisect_left(times, first + period_ms) - bisect_left(times, first)
