"""How good the analysis is, on annotated debates and sets: every figure beside its floor.

    python benchmarks/evaluate.py DATA [PART ...] [--page build/evaluation/index.html]

DATA holds JSON lines: debates, components, relations, judged_debates, iq2, pii, tone; what is missing is not
measured, and said so. Prints the figures with 95 % intervals, writes a page of plots, and exits with 1 if a
floor is missed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from evaluation import claims, content, cost, leaks, pii, quality, segmentation, tone
from evaluation.gold import MissingFile
from evaluation.page import page
from evaluation.row import Part, not_measured
from evaluation.table import table

PARTS: Mapping[str, Callable[[Path], Part]] = {
    "claims": claims.part,
    "tone": tone.part,
    "topics": segmentation.part,
    "quality": quality.part,
    "pii": pii.part,
    "content": content.part,
    "leaks": leaks.part,
    "cost": cost.part,
}


def measure(name: str, data: Path) -> Part:
    """Return what one part found; a file that is missing is said."""
    try:
        return PARTS[name](data)
    except MissingFile as error:
        return Part(name, (not_measured(name, str(error)),))


def main(arguments: list[str]) -> int:
    """Run the evaluation; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="the directory with the annotated data")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--page", type=Path, default=Path("build/evaluation/index.html"))
    options = parser.parse_args(arguments)
    if not options.data.is_dir():
        parser.error(f"DATA: {options.data} is no directory")
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    parts = []
    for name in options.parts or PARTS:
        parts.append(measure(name, options.data))
        print(table(parts[-1]), flush=True)
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(page(parts), encoding="utf-8")
    missed = [row.name for part in parts for row in part.rows if row.missed]
    print(f"plots: {options.page}")
    if missed:
        print(f"below the floor: {'; '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
