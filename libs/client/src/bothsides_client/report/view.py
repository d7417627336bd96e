"""From the contract's analysis to a report: what to say first, and what to keep in mind."""

from __future__ import annotations

from collections.abc import Iterator

from bothsides.jobs import v1 as pb
from bothsides_client.report import tables
from bothsides_client.report.model import Cell, Fact, RatingView, Report
from bothsides_client.report.moments import quote_lists
from bothsides_client.report.names import Cast
from bothsides_client.report.wording import (
    DOUBT_MARK,
    LOW_CONFIDENCE,
    Footnotes,
    count,
    duration,
    name_of_constant,
    printable,
)

_TURNS_NAMED = 5
_FLAGS = {
    pb.Safety.PROFANITY: "foul language",
    pb.Safety.SLUR: "a slur",
    pb.Safety.THREAT: "what sounds like a threat",
    pb.Safety.MODEL_INSTRUCTION: "talk to a model instead of to people",
    pb.Safety.HARASSMENT: "what may be harassment",
    pb.Safety.HATE: "what may be hate",
    pb.Safety.SELF_HARM: "what may be about self-harm",
    pb.Safety.SEXUAL: "what may be sexual",
    pb.Safety.VIOLENCE: "what may be violent",
    pb.Safety.ILLICIT: "what may be advice on something forbidden",
}
_DONE = {pb.Safety.MASKED: "masked here", pb.Safety.WITHHELD: "kept from the model"}


def report_view(analysis: pb.DebateAnalysis, conversation: pb.Conversation | None) -> Report:
    """Return the report on the analysis; the conversation gives names, sides and the motion."""
    cast = Cast(analysis, conversation)
    notes = Footnotes()
    quality, parts = _quality(analysis, notes)
    facts = tuple(_facts(analysis, cast, notes))
    found = (
        tables.comparison(analysis, cast, notes),
        tables.topics(analysis, notes),
        tables.language(analysis, cast, notes),
    )
    quotes = quote_lists(analysis, cast)
    return Report(
        title=printable((conversation.title if conversation else "") or analysis.conversation_id),
        motion=printable(conversation.motion if conversation else ""),
        facts=facts,
        quality=quality,
        quality_parts=parts,
        tables=tuple(each for each in found if each is not None),
        quotes=quotes,
        caveats=tuple(_caveats(analysis, cast, notes)),
        footnotes=notes.reasons(),
    )


def _facts(analysis: pb.DebateAnalysis, cast: Cast, notes: Footnotes) -> Iterator[Fact]:
    length = [count(analysis.turn_count, "turn", "turns"), count(analysis.word_count, "word", "words")]
    if analysis.HasField("duration_seconds"):
        length.append(duration(analysis.duration_seconds))
    yield Fact("Length", Cell(", ".join(length)))
    yield Fact("Speakers", Cell(cast.summary()))
    if analysis.HasField("interaction"):
        balance = analysis.interaction.balance
        cell = notes.cell(balance, "{:.2f} of 1")
        yield Fact("Balance", _said(cell, _balance_word(balance.value)))
        yield Fact("Responsiveness", notes.cell(analysis.interaction.responsiveness, "{:.2f} of 1"))
    if analysis.HasField("tone"):
        overall = analysis.tone.overall
        cell = notes.cell(overall, "{:+.2f}")
        yield Fact("Tone", _said(cell, f"{_tone_word(overall.value)}; from -1 to 1"))
    if analysis.HasField("topics"):
        cell = notes.cell(analysis.topics.drift_from_motion, "{:.2f}")
        yield Fact("Drift", _said(cell, "0 is on the motion, 1 far from it"))
    if analysis.language:
        language = f"{printable(analysis.language)} (confidence {analysis.language_confidence:.2f})"
        yield Fact("Language", Cell(language))


def _quality(
    analysis: pb.DebateAnalysis, notes: Footnotes
) -> tuple[RatingView | None, tuple[RatingView, ...]]:
    if not analysis.HasField("quality"):
        return None, ()
    overall = analysis.quality.overall
    if overall.HasField("score"):
        cell = Cell(f"{overall.score:.1f} of 5 (confidence {overall.confidence:.2f})")
    else:
        cell = Cell("no rating")
    parts = tuple(
        RatingView(
            name_of_constant(part.name),
            tables.rating_cell(part, notes),
            printable(part.why) if part.why != overall.why else "",
        )
        for part in analysis.quality.parts
    )
    return RatingView("overall", cell, printable(overall.why)), parts


def _caveats(analysis: pb.DebateAnalysis, cast: Cast, notes: Footnotes) -> Iterator[str]:
    if notes.doubted:
        yield f"{DOUBT_MARK} marks a number with a confidence below {LOW_CONFIDENCE:.2f}."
    if analysis.HasField("tone"):
        yield "Tone is how things are said; it is no position on the motion."
    if analysis.HasField("interaction") and not analysis.interaction.interruption_observable:
        yield "Interruptions cannot be seen: the transcript has no overlapping capture times."
    for window in analysis.interaction.dominance_windows[:3]:
        turns = tables.turn_range(window.first_turn_id, window.last_turn_id)
        yield f"{cast.name(window.participant_id)} had {window.share:.0%} of the debaters' words in {turns}."
    for flagged in analysis.safety.flagged:
        turns = ", ".join(flagged.turn_ids[:_TURNS_NAMED])
        more = ", …" if flagged.turn_count > _TURNS_NAMED else ""
        what = _FLAGS.get(flagged.kind, "something")
        turns_in_all = count(flagged.turn_count, "turn", "turns")
        done = _DONE.get(flagged.action, "have a look")
        yield f"Flagged: {what} in {turns_in_all} ({printable(turns)}{more}); {done}."
    for each in analysis.provenance:
        dimension = name_of_constant(pb.Dimension.Name(each.dimension).removeprefix("DIMENSION_"))
        if each.passed_over and not each.degraded:
            wanted = " and ".join(printable(model.model) for model in each.passed_over)
            yield f"{dimension.capitalize()} was made by {printable(each.model)}, as {wanted} gave nothing."
        if each.degraded:
            reason = name_of_constant(each.degraded_reason) or "no reason given"
            yield f"{dimension.capitalize()} was made by the {each.engine} engine instead ({reason})."


def _said(cell: Cell, words: str) -> Cell:
    """Add words to a value, not to a missing one."""
    return cell if cell.note else Cell(f"{cell.text} ({words})")


def _balance_word(balance: float) -> str:
    if balance >= 0.8:
        return "words evenly shared"
    return "words unevenly shared" if balance >= 0.6 else "one-sided"


def _tone_word(valence: float) -> str:
    """Return the word for a mean valence; ±0.05 is the neutral band of VADER (Hutto & Gilbert 2014)."""
    if abs(valence) < 0.05:
        return "neutral"
    strength = "slightly " if abs(valence) < 0.25 else ""
    return strength + ("positive" if valence > 0 else "negative")
