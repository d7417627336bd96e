"""What the local engine costs: processor seconds by dimension, and peak memory.

    python benchmarks/local_engine.py                  1,000 turns, recombined from examples/
    python benchmarks/local_engine.py --turns 10000
    python benchmarks/local_engine.py debates.jsonl    each line a debate, in the format of examples/*.json

Every debate is analysed in this one process, after the models are loaded; loading them is counted apart.
Prints processor time and not time on the clock, because other work on the machine must not change the answer.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from evaluation.gold import conversation

from analysis_worker.domain.conversation import Conversation, Participant, Turn
from analysis_worker.domain.result import Dimension, DimensionResult

T = TypeVar("T")
EXAMPLES = Path(__file__).parents[1] / "examples"
_KIB_PER_MIB = 1024


def main(arguments: list[str]) -> int:
    """Run the benchmark; return the exit code."""
    parser = argparse.ArgumentParser(description="Processor seconds and peak memory of the local engine.")
    parser.add_argument("path", nargs="?", type=Path, help="a file with a debate as JSON on each line")
    parser.add_argument(
        "--turns", type=int, default=1_000, help="length of the recombined debate (default 1000)"
    )
    options = parser.parse_args(arguments)
    debates = _read(options.path) if options.path else [recombined(options.turns)]

    spent_ns = Counter[str]()
    _timed(spent_ns, "load", _load)
    turns = words = count = 0
    for debate in debates:
        words += analyse(debate, spent_ns)
        turns += len(debate.turns)
        count += 1
    _print(spent_ns, count, turns, words)
    return 0


def analyse(debate: Conversation, spent_ns: Counter[str]) -> int:
    """Analyse one debate in all dimensions; add the processor time of each and return the number of words."""
    from analysis_worker.engines.local.engine import LocalEngine

    engine = LocalEngine()
    document = _timed(spent_ns, "prepare", lambda: engine.prepare(debate))
    results: dict[Dimension, DimensionResult] = {}
    for dimension in Dimension:
        results[dimension] = _timed(
            spent_ns, dimension.value, partial(engine.analyze, document, dimension, results)
        )
    return engine.overview(document).word_count


def recombined(turn_count: int) -> Conversation:
    """Return a long debate made of the examples' turns, their sentences drawn anew with a fixed seed."""
    debates = [conversation(json.loads(path.read_text("utf-8"))) for path in sorted(EXAMPLES.glob("*.json"))]
    sentences = [
        sentence.strip()
        for debate in debates
        for turn in debate.turns
        for sentence in turn.text.replace("?", "?|").replace("!", "!|").replace(".", ".|").split("|")
        if sentence.strip()
    ]
    draw = random.Random(0)
    speakers = [Participant("first", "Ada", side="for"), Participant("second", "Ben", side="against")]
    return Conversation(
        conversation_id="recombined",
        motion=debates[0].motion,
        language="en",
        participants=tuple(speakers),
        turns=tuple(
            Turn(
                f"t{number}",
                speakers[number % 2].participant_id,
                " ".join(draw.choices(sentences, k=draw.randint(2, 12))),
            )
            for number in range(turn_count)
        ),
    )


def _read(path: Path) -> Iterator[Conversation]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield conversation(json.loads(line))


def _load() -> None:
    """Import the engine and make it load what it loads when first used."""
    analyse(
        Conversation("warm-up", turns=(Turn("t1", "a", "This is a first claim, and it is good."),)), Counter()
    )


def _timed(spent_ns: Counter[str], name: str, work: Callable[[], T]) -> T:
    started = time.process_time_ns()
    result = work()
    spent_ns[name] += time.process_time_ns() - started
    return result


def _print(spent_ns: Counter[str], debates: int, turns: int, words: int) -> None:
    working = spent_ns.total() - spent_ns["load"]
    print(f"{debates:,} debates, {turns:,} turns, {words:,} words")
    for name, spent in spent_ns.items():
        share = "" if name == "load" else f"{spent / working:7.1%}"
        print(f"  {name:<12} {spent / 1e9:8.3f} CPU-s {share}")
    print(f"  {'all but load':<12} {working / 1e9:8.3f} CPU-s")
    if words:
        print(f"  per 100,000 words {working / 1e9 / words * 100_000:8.3f} CPU-s")
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_PER_MIB
    print(f"  peak memory {peak_mib:8.0f} MiB")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
