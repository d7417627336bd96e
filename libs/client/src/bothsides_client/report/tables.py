"""The tables of a report: how the debaters compare, how they speak, and what was spoken of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, TypeVar

from bothsides.jobs import v1 as pb
from bothsides_client.report.model import Cell, Table
from bothsides_client.report.names import Cast
from bothsides_client.report.wording import Footnotes, printable

#: Longest list of topics that is shown whole.
MAX_TOPICS: Final = 12
#: Pattern and scale of a share.
SHARE: Final = ("{:.0f} %", 100.0)

COMPARISON_CAPTION: Final = (
    "Tone from -1 to 1. Supported: own claims with a premise. Rebutted: opponents' claims that were"
    " answered. Quality from 1 to 5."
)
LANGUAGE_CAPTION: Final = (
    "Grade: years of school (Flesch-Kincaid). Variety: different words among 50 (MATTR). Hedges and evidence"
    " markers per 100 words."
)
TOPICS_CAPTION: Final = "Coherence from 0 to 1. Drift: 0 is on the motion, 1 far from it."


class _Speaker(Protocol):
    """A participant's part of one dimension."""

    @property
    def participant_id(self) -> str: ...


Part = TypeVar("Part", bound=_Speaker)
Column = tuple[str, Callable[[str], Cell]]


def comparison(analysis: pb.DebateAnalysis, cast: Cast, notes: Footnotes) -> Table | None:
    """Return one row a debater, with columns for the dimensions that are present."""
    columns: list[Column] = []
    if analysis.HasField("interaction"):
        people = analysis.interaction.participants
        columns.append(
            _column(
                "Words", people, lambda part: notes.cell(_named(part.metrics, "word_share"), *SHARE), notes
            )
        )
    if analysis.HasField("tone"):
        columns.append(
            _column("Tone", analysis.tone.participants, lambda part: notes.cell(part.mean, "{:+.2f}"), notes)
        )
    if analysis.HasField("arguments"):
        arguers = analysis.arguments.participants
        columns += [
            _column("Claims", arguers, lambda part: notes.cell(part.claims, "{:.0f}"), notes),
            _column("Supported", arguers, lambda part: notes.cell(part.claim_support, *SHARE), notes),
            _column("Rebutted", arguers, lambda part: notes.cell(part.rebuttal_rate, *SHARE), notes),
        ]
    if analysis.HasField("quality"):
        rated = analysis.quality.participants
        columns.append(_column("Quality", rated, lambda part: rating_cell(part.overall, notes), notes))
    return _table("Debaters", columns, cast, COMPARISON_CAPTION)


def language(analysis: pb.DebateAnalysis, cast: Cast, notes: Footnotes) -> Table | None:
    """Return how each debater speaks, or None without linguistics."""
    if not analysis.HasField("linguistics"):
        return None

    def column(heading: str, name: str, pattern: str) -> Column:
        people = analysis.linguistics.participants
        return _column(heading, people, lambda part: notes.cell(_named(part.metrics, name), pattern), notes)

    columns = [
        column("Words/sentence", "words_per_sentence", "{:.1f}"),
        column("Grade", "flesch_kincaid_grade", "{:.1f}"),
        column("Variety", "mattr50", "{:.2f}"),
        column("Hedges", "hedges", "{:.1f}"),
        column("Evidence", "evidence_markers", "{:.1f}"),
    ]
    return _table("Language", columns, cast, LANGUAGE_CAPTION)


def topics(analysis: pb.DebateAnalysis, notes: Footnotes) -> Table | None:
    """Return the topics in order with their drift from the motion, or None without any."""
    if not analysis.topics.segments:
        return None
    drift = {point.segment_id: point.drift for point in analysis.topics.drift_series}
    rows = [
        (
            Cell(printable(segment.label) + (" (unanswered)" if segment.unanswered else "")),
            Cell(turn_range(segment.first_turn_id, segment.last_turn_id)),
            notes.cell(segment.coherence, "{:.2f}"),
            Cell(f"{drift[segment.segment_id]:.2f}")
            if segment.segment_id in drift
            else notes.missing("drift was not computed"),
        )
        for segment in analysis.topics.segments[:MAX_TOPICS]
    ]
    left_out = len(analysis.topics.segments) - len(rows)
    title = f"Topics (the first {MAX_TOPICS}; {left_out} more)" if left_out > 0 else "Topics"
    return Table(title, ("Topic", "Turns", "Coherence", "Drift"), tuple(rows), TOPICS_CAPTION)


def rating_cell(rating: pb.Rating, notes: Footnotes) -> Cell:
    """Return the score of 5, or the mark of an abstention with its reason."""
    metric = pb.Metric(confidence=rating.confidence, note=rating.why or "abstained")
    if rating.HasField("score"):
        metric.value = rating.score
    return notes.cell(metric, "{:.1f}")


def turn_range(first: str, last: str) -> str:
    return printable(first) if first == last else f"{printable(first)}–{printable(last)}"


def _named(metrics: Iterable[pb.NamedMetric], name: str) -> pb.Metric | None:
    return next((each.metric for each in metrics if each.name == name), None)


def _column(heading: str, people: Sequence[Part], read: Callable[[Part], Cell], notes: Footnotes) -> Column:
    """Return a column that finds a participant's cell by id, when its row is made."""
    parts = {each.participant_id: each for each in people}

    def cell(participant_id: str) -> Cell:
        part = parts.get(participant_id)
        return notes.missing("nothing was computed for this speaker") if part is None else read(part)

    return heading, cell


def _table(title: str, columns: Sequence[Column], cast: Cast, caption: str) -> Table | None:
    """Return a row a debater; None if there is nothing to show."""
    if not columns or not cast.debaters:
        return None
    rows = tuple(
        (Cell(cast.name(participant_id)), *(cell(participant_id) for _, cell in columns))
        for participant_id in cast.debaters
    )
    return Table(title, ("Debater", *(heading for heading, _ in columns)), rows, caption)
