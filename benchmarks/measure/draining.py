"""Jobs drained a second by worker processes, and what deep queues and progress do to that rate."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial

from bothsides_stack.embedded import EmbeddedServer
from measure.machine import Meter
from measure.programs import running
from measure.report import Ratio, Row, Sample, Section, in_turn
from measure.systems import NODE, PEERS, BullMQ, Dramatiq, Ours, System, peers_installed

#: The rate is taken between these shares of jobs left: neither the start of processes nor the tail counts.
FROM, TO = 0.92, 0.05
_POLL_S = 0.01
NO_PEERS = "BullMQ was not measured: `make bench-peers` installs it (needs node and npm)"


def drain(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Measure no-op jobs: ours, stock Dramatiq as it comes and tuned, and BullMQ."""
    count = int(60_000 * scale)
    ours_1 = Ours("ours, 2 x 1 thread", server.url, 1)
    ours_8 = Ours("ours, 2 x 8 threads", server.url, 8)
    stock = Dramatiq("Dramatiq, 2 x 8 threads", server.url, 8)
    tuned = Dramatiq("Dramatiq, 2 x 4, prefetch 1000", server.url, 4, prefetch=1000)
    measures: dict[str, Callable[[], Sample]] = {
        system.name: partial(drained, server, system, share)
        for system, share in ((ours_1, count), (ours_8, count), (stock, count // 3), (tuned, count // 3))
    }
    bull = BullMQ("BullMQ, 1 process x 50", server.url)
    if peers_installed():
        measures[bull.name] = partial(drained, server, bull, count // 2)
    rows = in_turn(rounds, measures)
    best = rows[ours_1.name]
    ratios = [
        Ratio("ours, 1 thread / stock", best, rows[stock.name], "floor 5, aim 8"),
        Ratio("ours, 8 threads / stock", rows[ours_8.name], rows[stock.name], "floor 5, aim 8"),
        Ratio("ours, 1 thread / tuned", best, rows[tuned.name], "floor 3, aim 5"),
        Ratio("ours, 8 threads / tuned", rows[ours_8.name], rows[tuned.name], "floor 3, aim 5"),
    ]
    if bull.name in rows:
        ratios.append(Ratio("ours, 1 thread / BullMQ", best, rows[bull.name], "floor 1.3, aim 2"))
    notes = [] if bull.name in rows else [NO_PEERS]
    title = "Drain of no-op jobs: ours tracked, Dramatiq's untracked"
    return Section(title, "jobs/s", list(rows.values()), ratios, notes=notes)


def progress(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Measure jobs that report progress ten times each, with someone listening to all of it."""
    count = int(15_000 * scale)
    ours = Ours("ours, 2 x 1 thread", server.url, 1)
    bull = BullMQ("BullMQ, 1 process x 50", server.url)
    listen: Mapping[str, list[str]] = {
        ours.name: [sys.executable, "-m", "measure.listener", server.url],
        bull.name: [NODE, str(PEERS / "listener.mjs"), server.url],
    }
    systems: list[System] = [ours, *([bull] if peers_installed() else [])]
    rows = in_turn(
        rounds,
        {
            system.name: partial(
                drained, server, system, count, work="progress", listener=listen[system.name]
            )
            for system in systems
        },
    )
    ratios = []
    if bull.name in rows:
        ratios.append(Ratio("ours / BullMQ", rows[ours.name], rows[bull.name], "floor 2.5, aim 4"))
    notes = [] if bull.name in rows else [NO_PEERS]
    title = "Drain of jobs with 10 progress updates each, and a listener"
    return Section(title, "jobs/s", list(rows.values()), ratios, notes=notes)


def drained(
    server: EmbeddedServer,
    system: System,
    count: int,
    *,
    work: str = "nothing",
    listener: list[str] | None = None,
) -> Sample:
    """Fill the queue and return the rate at which it empties."""
    system.client.flushall()
    system.fill(count, work)
    with ExitStack() as stack:
        pids: dict[str, int | list[int]] = {"store": server.pid}
        if listener is not None:
            child = stack.enter_context(running(listener))
            assert child.stdout is not None
            child.stdout.readline()
            pids["listener"] = child.pid
        pids["workers"] = stack.enter_context(system.workers(work))
        while (first := system.left()) > FROM * count:
            time.sleep(_POLL_S)
        with Meter(pids) as meter:
            while (last := system.left()) > TO * count:
                time.sleep(_POLL_S)
    return Sample((first - last) / meter.elapsed_s, meter.cpu_us(first - last))


def depth(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Measure the rate while the queue is held at a depth by a process that feeds it."""
    shallow, deep = 1_000, int(1_000_000 * scale)
    system = Ours("ours", server.url, 1)
    rows = {depth: Row(f"{depth:,} queued") for depth in (shallow, deep)}
    for depth, row in rows.items():
        system.client.flushall()
        system.fill(depth)
        with system.workers() as pids:
            for _ in range(rounds):
                row.samples.append(_held(server, system, depth, pids))
    return Section(
        "Drain while the queue is held at a depth (feeding counts too)",
        "jobs/s",
        list(rows.values()),
        [Ratio("deep / shallow", rows[deep], rows[shallow], "bar 0.90")],
    )


def _held(server: EmbeddedServer, system: Ours, depth: int, pids: list[int], seconds: float = 5.0) -> Sample:
    fed = 0
    before = system.left()
    with Meter({"workers": pids, "store": server.pid}) as meter:
        end_s = time.perf_counter() + seconds
        while time.perf_counter() < end_s:
            missing = depth - system.left()
            if missing <= 0:
                time.sleep(0.001)
                continue
            system.fill(missing)
            fed += missing
        after = system.left()
    done = before + fed - after
    return Sample(done / meter.elapsed_s, meter.cpu_us(done))
