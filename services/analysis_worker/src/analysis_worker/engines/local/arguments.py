"""Arguments: claims and premises, suspected relations and fallacies, and what each debater did with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from analysis_worker.domain.interval import share_interval
from analysis_worker.domain.metric import Basis, Metric, measured, rounded, shrunk, unknown
from analysis_worker.domain.result import (
    Arguments,
    Component,
    ComponentKind,
    ParticipantArguments,
    Relation,
    RelationKind,
    Topics,
)
from analysis_worker.engines.local.claims import ScoredSentence, scored_sentences
from analysis_worker.engines.local.document import Document
from analysis_worker.engines.local.fallacies import suspected_fallacies
from analysis_worker.engines.local.flow import Flow, flows
from analysis_worker.engines.local.overlap import Overlap
from analysis_worker.engines.local.relations import Link, answers, attack_links, support_links

METHOD: Final = (
    "claim model (multinomial logit), suspected relations by place and overlap, log-odds talking points"
)
_NOT_ENGLISH: Final = "the argument cues are English"
_COUNT_CEILING: Final = 0.5
_SHARE_CEILING: Final = 0.4
_HALF_SENTENCES: Final = 20
_HALF_CLAIMS: Final = 10
#: Most components that are kept, the surest ones. Counts and shares rest on all of them.
MAX_COMPONENTS: Final = 5_000
#: A less sure claim is not held against the opponents.
_SURE_ENOUGH_TO_DROP: Final = 0.45
_MAX_DROPPED: Final = 20


def analyze_arguments(document: Document, topics: Topics | None = None) -> Arguments:
    """Return the argumentation; components name their topic if `topics` is given."""
    found = scored_sentences(document)
    overlap = Overlap(document)
    supports = support_links(found)
    answered = answers(document, found, overlap)
    kept = _surest(found)
    names = {place: f"c{number}" for number, place in enumerate(kept, start=1)}
    segment_of = _segments_by_turn(document, topics)
    links = sorted(
        (*supports, *attack_links(document, found, overlap)),
        key=lambda link: (link.source, link.target, link.kind),
    )
    return Arguments(
        participants=tuple(_participants(document, found, supports, answered)),
        components=tuple(
            Component(
                component_id=names[place],
                kind=found[place].kind,
                participant_id=found[place].speaker,
                evidence=document.evidence_of(found[place].sentence),
                confidence=rounded(found[place].confidence),
                segment_id=segment_of.get(found[place].sentence.turn_index, ""),
            )
            for place in kept
        ),
        relations=tuple(
            Relation(names[link.source], names[link.target], link.kind, link.cross_turn, link.confidence)
            for link in links
            if link.source in names and link.target in names
        ),
        fallacies=suspected_fallacies(document),
        dropped_claim_ids=tuple(names[place] for place in _dropped(found, answered, names)),
    )


def _surest(found: Sequence[ScoredSentence]) -> list[int]:
    """Return the places of the components to keep, in order."""
    by_confidence = sorted(range(len(found)), key=lambda place: (-rounded(found[place].confidence), place))
    return sorted(by_confidence[:MAX_COMPONENTS])


def _dropped(
    found: Sequence[ScoredSentence], answered: Mapping[int, set[str]], names: Mapping[int, str]
) -> list[int]:
    """Return the claims that opponents left alone though they spoke afterwards: the surest, in order."""
    left = [
        place
        for place, by in answered.items()
        if not by and place in names and found[place].confidence >= _SURE_ENOUGH_TO_DROP
    ]
    left.sort(key=lambda place: (-rounded(found[place].confidence), place))
    return sorted(left[:_MAX_DROPPED])


def _segments_by_turn(document: Document, topics: Topics | None) -> dict[int, str]:
    """Return each turn's segment, by the turn's index."""
    if topics is None:
        return {}
    begins = {segment.first_turn_id: segment.segment_id for segment in topics.segments}
    segments: dict[int, str] = {}
    current = ""
    for turn in document.turns:
        current = begins.pop(turn.turn.turn_id, current)
        segments[turn.index] = current
    return segments


def _participants(
    document: Document,
    found: Sequence[ScoredSentence],
    supports: Sequence[Link],
    answered: Mapping[int, set[str]],
) -> list[ParticipantArguments]:
    supported = {link.target for link in supports if link.kind is RelationKind.SUPPORT}
    flow = flows(document)
    spoken = {
        who: sum(len(turn.sentences) for turn in turns) for who, turns in document.turns_by_debater().items()
    }
    claims: dict[str, list[int]] = {who: [] for who in spoken}
    premises = dict.fromkeys(spoken, 0)
    for place, component in enumerate(found):
        if component.kind is ComponentKind.CLAIM:
            claims[component.speaker].append(place)
        else:
            premises[component.speaker] += 1
    return [
        _participant(
            document,
            who,
            (sentences, len(claims[who]), premises[who]),
            _share(
                [place in supported for place in claims[who]], document, "made no claim that was recognised"
            ),
            _share(
                [
                    who in answered[place]
                    for opponent in document.opponents_of(who)
                    for place in claims[opponent]
                    if place in answered
                ],
                document,
                "no opponent made a claim that could be answered",
            ),
            flow[who],
        )
        for who, sentences in spoken.items()
    ]


def _participant(
    document: Document, who: str, counts: tuple[int, int, int], support: Metric, rebuttal: Metric, flow: Flow
) -> ParticipantArguments:
    sentences, claims, premises = counts
    return ParticipantArguments(
        participant_id=who,
        claims=_count(claims, "claims", sentences, document),
        premises=_count(premises, "premises", sentences, document),
        claim_support=support,
        rebuttal_rate=rebuttal,
        promote_own=flow.promote_own,
        pursue_opponent=flow.pursue_opponent,
    )


def _count(count: int, unit: str, sentences: int, document: Document) -> Metric:
    if not document.english:
        return unknown(unit, _NOT_ENGLISH, sample_size=sentences)
    if not sentences:
        return unknown(unit, "said nothing")
    confidence = shrunk(_COUNT_CEILING, sentences, _HALF_SENTENCES)
    return measured(count, unit, sentences, confidence, basis=Basis.MODEL)


def _share(hits: Sequence[bool], document: Document, why_not: str) -> Metric:
    if not document.english:
        return unknown("0..1", _NOT_ENGLISH)
    if not hits:
        return unknown("0..1", why_not)
    return measured(
        sum(hits) / len(hits),
        "0..1",
        len(hits),
        shrunk(_SHARE_CEILING, len(hits), _HALF_CLAIMS),
        basis=Basis.MODEL,
        ci95=share_interval(sum(hits), len(hits)),
    )
