"""Whether anything of the annotated debates got into what the claim model was learnt from: it must not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from analysis_worker.engines.local.words import words_of
from evaluation import gold
from evaluation.row import Part, Row

SENTENCES: Final = Path(__file__).parents[2] / "services/analysis_worker/training/claims"
#: So many words in a row are no chance.
RUN: Final = 8


def part(data: Path) -> Part:
    """Return how many training sentences share a run of words with any annotated text."""
    sentences = [
        text
        for path in sorted(SENTENCES.glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
        for text, _ in json.loads(line)["sentences"]
    ]
    ours: dict[tuple[str, ...], set[int]] = {}
    for number, text in enumerate(sentences):
        for run in _runs(text):
            ours.setdefault(run, set()).add(number)
    shared: set[int] = set()
    for text in _texts(data):
        for run in _runs(text):
            shared |= ours.get(run, set())
    row = Row(
        f"training sentences that share {RUN} words in a row",
        float(len(shared)),
        len(sentences),
        floor=0.0,
        at_most=True,
    )
    return Part("Training data", (row,))


def _texts(data: Path) -> Iterator[str]:
    for name in ("debates", "iq2", "judged_debates"):
        try:
            for debate in gold.debates(data, name):
                yield from (turn.text for turn in debate.turns)
        except gold.MissingFile:
            continue


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = words_of(text)
    return zip(*(islice(words, start, None) for start in range(RUN)), strict=False)
