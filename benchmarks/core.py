"""The heart's figures beside those of other systems, in turn on one server.

    python benchmarks/core.py [PART ...] [--rounds 3] [--scale 1.0]

Prints medians of the rounds with their ranges, ratios taken within each round, processor time, and the bar
that the figure is meant to reach. Asserts nothing.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping

from measure import creating, draining, footprint, round_trip, sharing, starting
from measure.report import Section

from bothsides_stack.embedded import EmbeddedServer

#: Each part gets a server of its own, the number of rounds, and a factor on its number of jobs.
PARTS: Mapping[str, Callable[[EmbeddedServer, int, float], Section]] = {
    "drain": draining.drain,
    "progress": draining.progress,
    "depth": draining.depth,
    "start": starting.start,
    "memory": footprint.memory,
    "trips": footprint.round_trips,
    "scripts": footprint.scripts,
    "tenants": sharing.tenants,
    "window": sharing.window,
    "create": creating.unary,
    "bulk": creating.in_bulk,
    "e2e": round_trip.end_to_end,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the number of jobs")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    print(f"{os.cpu_count()} processors, {options.rounds} rounds")
    for name in options.parts or PARTS:
        with EmbeddedServer() as server:
            section = PARTS[name](server, options.rounds, options.scale)
        section.print()
        print(f"  load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
