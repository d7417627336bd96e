"""The quotes of a report: what to try next, strongest moments, dropped claims, suspected fallacies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from bothsides.jobs import v1 as pb
from bothsides_client.report.model import Quote, QuoteList
from bothsides_client.report.names import Cast
from bothsides_client.report.next_steps import next_steps
from bothsides_client.report.wording import count, name_of_constant, printable, quoted

#: Quotes shown under one heading.
MAX_QUOTES: Final = 5
#: The strongest moments show a claim and a peak of tone for so many debaters.
MAX_SPEAKERS: Final = 4


def quote_lists(analysis: pb.DebateAnalysis, cast: Cast) -> tuple[QuoteList, ...]:
    """Return the lists that have anything in them."""
    dropped = list(_dropped(analysis, cast))[:MAX_QUOTES]
    fallacies = list(_fallacies(analysis, cast))[:MAX_QUOTES]
    arguments = analysis.arguments
    lists = (
        QuoteList(
            "What to try next", "Suggestions, from what was found weakest.", next_steps(analysis, cast)
        ),
        QuoteList("Strongest moments", "", tuple(_strongest(analysis, cast))),
        QuoteList(
            "Claims nobody answered",
            "As far as the text shows.",
            tuple(dropped),
            len(arguments.dropped_claim_ids) - len(dropped),
        ),
        QuoteList(
            "Suspected fallacies",
            "Suspicions to look at, not verdicts.",
            tuple(fallacies),
            len(arguments.fallacies) - len(fallacies),
        ),
    )
    return tuple(each for each in lists if each.quotes)


def _strongest(analysis: pb.DebateAnalysis, cast: Cast) -> Iterator[Quote]:
    """Yield each debater's best supported claim and strongest tone."""
    supports = Counter(
        each.target for each in analysis.arguments.relations if each.kind == pb.Arguments.Relation.SUPPORT
    )
    claims = [each for each in analysis.arguments.components if each.kind == pb.Arguments.Component.CLAIM]
    peaks = {each.participant_id: each.peaks for each in analysis.tone.participants}
    for participant_id in cast.debaters[:MAX_SPEAKERS]:
        name = cast.name(participant_id)
        shown: list[pb.Evidence] = []
        own = [each for each in claims if each.participant_id == participant_id]
        if own:
            best = max(own, key=lambda each: (supports[each.component_id], each.confidence))
            number = supports[best.component_id]
            kind = "best supported claim" if number else "clearest claim"
            remark = f"{count(number, 'premise', 'premises')} found for it" if number else ""
            shown.append(best.evidence)
            yield _quote(kind, name, best.evidence, remark)
        if peak := next((each for each in peaks.get(participant_id, ()) if each not in shown), None):
            yield _quote("strongest tone", name, peak, "")


def _dropped(analysis: pb.DebateAnalysis, cast: Cast) -> Iterator[Quote]:
    """Yield the claims that are known by their sentence; without details only the most certain are."""
    components = {each.component_id: each for each in analysis.arguments.components}
    for component_id in analysis.arguments.dropped_claim_ids:
        if component := components.get(component_id):
            yield _quote("claim", cast.name(component.participant_id), component.evidence, "")


def _fallacies(analysis: pb.DebateAnalysis, cast: Cast) -> Iterator[Quote]:
    for each in sorted(analysis.arguments.fallacies, key=lambda each: -each.confidence):
        remark = f"{printable(each.why)} (confidence {each.confidence:.2f})".strip()
        yield _quote(name_of_constant(each.kind), cast.name(each.participant_id), each.evidence, remark)


def _quote(kind: str, speaker: str, evidence: pb.Evidence, remark: str) -> Quote:
    return Quote(kind, speaker, printable(evidence.turn_id), quoted(evidence.quote), remark)
