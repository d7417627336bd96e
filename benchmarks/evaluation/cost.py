"""What the local engine costs, and whether it says the same twice. Each run is a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from evaluation import gold
from evaluation.row import Part, Row

#: The cost is stated for so many turns, and about 100 words each.
TURNS: Final = 1_000
_PROGRAM: Final = Path(__file__).with_name("one_run.py")


def part(data: Path) -> Part:
    """Return processor time, memory, and how many debates differ between two processes."""
    gold.lines(data, "debates")
    first, second = (run(data, seed) for seed in ("1", "2"))
    differ = sum(a != b for a, b in zip(first["digests"], second["digests"], strict=True))
    per_words = 100_000 / max(1, first["words"])
    cpu_s = min(first["cpu_s"], second["cpu_s"]) * per_words
    rows = (
        Row(
            "processor seconds for 100,000 words (1,000 turns)",
            cpu_s,
            first["words"],
            floor=3.0,
            at_most=True,
            note=f"{first['turns']} turns; the better of two runs",
        ),
        Row("peak memory, MB", max(first["peak_mb"], second["peak_mb"]), floor=400.0, at_most=True),
        Row(
            "debates that differ between two processes",
            float(differ),
            len(first["digests"]),
            floor=0.0,
            at_most=True,
        ),
    )
    return Part("Cost and repeatability", rows)


def run(data: Path, hash_seed: str) -> dict[str, Any]:
    """Analyse all debates in a process with another order of hashes; return what it printed."""
    found = subprocess.run(
        [sys.executable, str(_PROGRAM), str(data)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "OPENBLAS_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    result: dict[str, Any] = json.loads(found.stdout)
    return result
