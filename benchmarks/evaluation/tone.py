"""Tone against people's ratings of snippets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from analysis_worker.domain.conversation import Conversation, Participant, Turn
from analysis_worker.engines.local.document import prepare
from analysis_worker.engines.local.tone import analyze_tone
from evaluation import gold
from evaluation.draw import scatter
from evaluation.row import Part, Plot, Row, interval
from evaluation.scores import pearson

#: Set -> floor, and what the authors of VADER published for it (Hutto and Gilbert 2014).
SETS: Final[Mapping[str, tuple[float | None, str]]] = {
    "nytEditorialSnippets": (0.48, "0.49"),
    "tweets": (0.85, "0.88"),
    "amazonReviewSnippets": (None, "0.57"),
    "movieReviewSnippets": (None, "0.45"),
}
_DRAWN: Final = 600


def part(data: Path) -> Part:
    """Return the correlation with the mean rating, by set."""
    points: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for line in gold.lines(data, "tone"):
        points[line["set"]].append((line["mean"], tone_of(line["text"])))
    rows = []
    for name, (floor, published) in SETS.items():
        some = points.get(name)
        if not some:
            rows.append(Row(name, None, floor=floor, note="not measured: the set is not there"))
            continue
        low, high = interval(some, pearson)
        rows.append(
            Row(f"tone, {name}, Pearson r", pearson(some), len(some), low, high, floor, reference=published)
        )
    plots = tuple(
        Plot(f"{name}: mean rating (right) and valence (up)", scatter(some[:_DRAWN], (-4, 4), (-1, 1)))
        for name, some in sorted(points.items())
    )
    return Part("Tone", tuple(rows), plots)


def tone_of(text: str) -> float:
    """Return the tone of a debate that is this one turn, as the engine tells it; 0 if it tells none."""
    speaker = Participant("a", "A")
    said = Turn("t1", "a", text)
    debate = Conversation("snippet", language="en", participants=(speaker,), turns=(said,))
    return analyze_tone(prepare(debate)).overall.value or 0.0
