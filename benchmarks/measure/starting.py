"""Enqueue to start on an idle worker, beside the idle worker of stock Dramatiq."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bothsides_stack.embedded import EmbeddedServer
from measure.report import Row, Sample, Section
from measure.systems import Dramatiq, Ours
from measure.workers import STAMPS, monotonic_s

_PAUSE_S = 0.02
_BARS = {"p50": "bar 2", "p99": "bar 10"}


def start(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Send jobs one by one, 20 ms apart, to one process of 4 threads."""
    systems = [
        Ours("ours", server.url, 4, processes=1),
        Dramatiq("Dramatiq", server.url, 4, processes=1),
    ]
    rows = {(system.name, figure): Row(f"{system.name} {figure}") for system in systems for figure in _BARS}
    for _ in range(rounds):
        for system in systems:
            waited_ms = waits(system, int(300 * scale))
            for figure, share in (("p50", 0.5), ("p99", 0.99)):
                value = waited_ms[int(share * (len(waited_ms) - 1))]
                rows[system.name, figure].samples.append(Sample(value))
    bars = {f"ours {figure}": bar for figure, bar in _BARS.items()}
    return Section("Enqueue to start, an idle worker", "ms", list(rows.values()), bars=bars)


def waits(system: Dramatiq, count: int) -> Sequence[float]:
    """Send jobs to an idle worker; return how long each waited (ms), sorted."""
    system.client.flushall()
    with system.workers():
        for _ in range(count):
            system.actors["stamp"].send(monotonic_s())
            time.sleep(_PAUSE_S)
        while int(system.client.llen(STAMPS)) < count:
            time.sleep(_PAUSE_S)
    return sorted(float(value) for value in system.client.lrange(STAMPS, 0, -1))
