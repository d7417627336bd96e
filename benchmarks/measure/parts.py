"""Runs the parts of a benchmark that the command line names, and prints what they found."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from typing import TypeAlias

from bothsides_stack.embedded import EmbeddedServer
from measure.report import Section

#: Gets a server of its own, the number of rounds, and a factor on sizes.
Part: TypeAlias = Callable[[EmbeddedServer, int, float], Section]


def run_parts(description: str | None, parts: Mapping[str, Part], *, rounds: int, scaled: str) -> None:
    """Read the command line, and run each part that it names.

    Args:
        rounds: How many there are by default.
        scaled: What `--scale` is a factor on, in words.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}; all by default")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--scale", type=float, default=1.0, help=f"factor on {scaled}")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    print(f"{os.cpu_count()} processors, {options.rounds} rounds")
    for name in options.parts or parts:
        with EmbeddedServer() as server:
            section = parts[name](server, options.rounds, options.scale)
        section.print()
        print(f"  load average {os.getloadavg()[0]:.1f}")
