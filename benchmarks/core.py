"""The heart's figures beside those of other systems, in turn on one server.

    python benchmarks/core.py [PART ...] [--rounds 3] [--scale 1.0]

Prints medians of the rounds with their ranges, ratios taken within each round, processor time, and the bar
that the figure is meant to reach. Asserts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from measure import creating, draining, footprint, round_trip, sharing, starting
from measure.parts import Part, run_parts

#: Each part gets a server of its own, the number of rounds, and a factor on its number of jobs.
PARTS: Mapping[str, Part] = {
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


if __name__ == "__main__":
    run_parts(__doc__, PARTS, rounds=3, scaled="the number of jobs")
