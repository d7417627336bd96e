"""What a flood of one tenant costs another: how long a single job waits, in lengths of a job."""

from __future__ import annotations

import time

from bothsides_stack.embedded import EmbeddedServer
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
