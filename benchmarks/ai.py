"""What stands around calls to a model: six dimensions of a debate, many jobs in flight, the ledger.

    python benchmarks/ai.py [PART ...] [--rounds 1] [--scale 1.0]

Whole programs, over gRPC and HTTP, against a provider whose calls take a fixed time. Prints figures beside
their bars, and processor time; asserts nothing.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping

from measure.asking.dimensions import dimensions
from measure.asking.flight import flight
from measure.asking.ledger import ledger
from measure.report import Section

from bothsides_stack.embedded import EmbeddedServer

#: Each part gets a server of its own, the number of rounds, and a factor on lengths or numbers.
PARTS: Mapping[str, Callable[[EmbeddedServer, int, float], Section]] = {
    "dimensions": dimensions,
    "flight": flight,
    "ledger": ledger,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="factor on lengths or numbers")
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
