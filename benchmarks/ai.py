"""What stands around calls to a model: six dimensions of a debate, many jobs in flight, the ledger.

    python benchmarks/ai.py [PART ...] [--rounds 1] [--scale 1.0]

Whole programs, over gRPC and HTTP, against a provider whose calls take a fixed time. Prints figures beside
their bars, and processor time; asserts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from measure.asking.dimensions import dimensions
from measure.asking.flight import flight
from measure.asking.ledger import ledger
from measure.parts import Part, run_parts

#: Each part gets a server of its own, the number of rounds, and a factor on lengths or numbers.
PARTS: Mapping[str, Part] = {
    "dimensions": dimensions,
    "flight": flight,
    "ledger": ledger,
}


if __name__ == "__main__":
    run_parts(__doc__, PARTS, rounds=1, scaled="lengths or numbers")
