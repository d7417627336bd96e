"""Puts what a model found in the place of what the local engine suspected. Text is copied from the debate.

What a model was not asked for stays as the local engine has it: talking points, weights, keywords, drift.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Final

from analysis_worker.domain.metric import Basis, Metric, measured, rounded, unknown
from analysis_worker.domain.result import (
    Arguments,
    Component,
    ComponentKind,
    DimensionResult,
    Fallacy,
    ParticipantArguments,
    ParticipantQuality,
    Quality,
    Rating,
    Relation,
    RelationKind,
    Tone,
    Topics,
)
from analysis_worker.engines.local.addressee import addressees
from analysis_worker.engines.local.document import Document
from analysis_worker.engines.local.quality import WEIGHTS, mean_of, overall_of
from analysis_worker.engines.local.topics import prepare_topics
from analysis_worker.engines.openai.findings import (
    ArgumentsFound,
    Found,
    QualityFound,
    ToneFound,
    TopicsFound,
)
from analysis_worker.engines.openai.outbound import Line, Outbound
from analysis_worker.engines.openai.schemas import SaidRating
from analysis_worker.engines.openai.tone import tone_by_model
from analysis_worker.engines.openai.topics import topics_by_model
from analysis_worker.engines.openai.wording import kept

#: People agree with one another on claims with a kappa of 0.4 to 0.6 (Haddadan et al. 2019): no model is
#: taken to be surer before it was measured.
_COMPONENT: Final = 0.6
_RELATION: Final = 0.5
#: Fallacies are suspected: four people agree on spans in a fifth of the cases (MAFALDA, 2024).
_FALLACY: Final = 0.3
_COUNT: Final = 0.6
#: Two runs that are so far apart say nothing.
_APART: Final = 2.0
#: A rating of one run: nothing shows how sure it is, so it is no surer than the local engine's.
_ONE_RUN: Final = 0.4
#: The widest that two runs can be apart.
_WIDEST: Final = 4.0
_MAX_EVIDENCE: Final = 6
_MAX_DROPPED_CLAIMS: Final = 20


def combined(
    base: DimensionResult | None, debate: Outbound, found: Found, document: Callable[[], Document]
) -> DimensionResult:
    """Return the dimension as the model sees it.

    Args:
        base: What the local engine made of it; None for topics, of which it leaves nothing.
        document: Prepares the debate; called only for what is counted anew.

    Raises:
        TypeError: The two are not of one dimension.
    """
    match base, found.findings:
        case Arguments(), ArgumentsFound() as findings:
            return _arguments(base, debate, findings)
        case Quality(), QualityFound() as findings:
            return _quality(base, debate, findings)
        case Tone(), ToneFound() as findings:
            return tone_by_model(base, debate, findings.answers, document())
        case Topics() | None, TopicsFound() as findings:
            return topics_by_model(debate, findings.windows, document())
    raise TypeError(f"a {type(base).__name__} cannot be made of {type(found.findings).__name__}")


def prepare(debate: Outbound, document: Document) -> None:
    """Make what hangs on no answer."""
    len(debate.places)
    prepare_topics(document)
    document.once(addressees)


def _arguments(base: Arguments, debate: Outbound, found: ArgumentsFound) -> Arguments:
    place = debate.places
    kinds: dict[str, str] = {}
    for answer in found.answers:  # of a sentence in two windows the first word counts
        for said in answer.components:
            kinds.setdefault(said.sid, said.kind)
    ordered = sorted(kinds, key=place.__getitem__)
    names = {sid: f"c{number}" for number, sid in enumerate(ordered, start=1)}
    lines = {sid: debate.lines[place[sid]] for sid in ordered}
    links = {(said.source, said.target): said.kind for answer in found.answers for said in answer.relations}
    suspected = {(said.sid, said.kind): said.why for answer in found.answers for said in answer.fallacies}
    answered = {target for source, target in links if lines[source].speaker != lines[target].speaker}
    claims = [sid for sid in ordered if kinds[sid] == "claim"]
    return replace(
        base,
        participants=tuple(_participant(own, debate, lines, kinds, links) for own in base.participants),
        components=tuple(
            Component(
                names[sid],
                ComponentKind(kinds[sid]),
                debate.people[lines[sid].speaker],
                lines[sid].evidence,
                _COMPONENT,
            )
            for sid in ordered
        ),
        relations=tuple(
            Relation(
                names[source],
                names[target],
                RelationKind(kind),
                lines[source].turn != lines[target].turn,
                _RELATION,
            )
            for (source, target), kind in sorted(
                links.items(), key=lambda link: (place[link[0][0]], place[link[0][1]])
            )
        ),
        fallacies=tuple(
            Fallacy(
                kind,
                debate.people[debate.lines[place[sid]].speaker],
                debate.lines[place[sid]].evidence,
                kept(debate, why, [debate.lines[place[sid]]]),
                _FALLACY,
            )
            for (sid, kind), why in sorted(
                suspected.items(), key=lambda item: (place[item[0][0]], item[0][1])
            )
        ),
        dropped_claim_ids=tuple(names[sid] for sid in claims if sid not in answered)[:_MAX_DROPPED_CLAIMS],
    )


def _participant(
    own: ParticipantArguments,
    debate: Outbound,
    lines: dict[str, Line],
    kinds: dict[str, str],
    links: Mapping[tuple[str, str], str],
) -> ParticipantArguments:
    who = own.participant_id
    said = {sid for sid, line in lines.items() if debate.people[line.speaker] == who}
    claims = {sid for sid in said if kinds[sid] == "claim"}
    supported = {target for (_, target), kind in links.items() if kind == "support"}
    side = debate.sides.get(who, "")
    theirs = {
        sid
        for sid, line in lines.items()
        if kinds[sid] == "claim"
        and sid not in said
        and not (side and debate.sides.get(debate.people[line.speaker], "") == side)
    }
    answered = {target for source, target in links if source in said}
    spoken = sum(debate.people[line.speaker] == who for line in debate.lines)
    return replace(
        own,
        claims=_count(len(claims), "claims", spoken),
        premises=_count(len(said) - len(claims), "premises", spoken),
        claim_support=_share(len(claims & supported), len(claims), "made no claim"),
        rebuttal_rate=_share(len(theirs & answered), len(theirs), "no opponent made a claim"),
    )


def _count(count: int, unit: str, spoken: int) -> Metric:
    return measured(count, unit, spoken, _COUNT, basis=Basis.LLM) if spoken else unknown(unit, "said nothing")


def _share(hits: int, of: int, why_not: str) -> Metric:
    return measured(hits / of, "0..1", of, _RELATION, basis=Basis.LLM) if of else unknown("0..1", why_not)


def _quality(base: Quality, debate: Outbound, found: QualityFound) -> Quality:
    participants: list[ParticipantQuality] = []
    speakers = {who: speaker for speaker, who in debate.people.items()}
    for own in base.participants:
        speaker = speakers.get(own.participant_id, "")
        parts = tuple(_rating(debate, found, speaker, weight.name) for weight in WEIGHTS)
        participants.append(ParticipantQuality(own.participant_id, _by_model(overall_of(parts)), parts))
    return Quality(
        overall=_by_model(mean_of("overall", [each.overall for each in participants])),
        parts=tuple(
            _by_model(mean_of(weight.name, [each.parts[place] for each in participants]))
            for place, weight in enumerate(WEIGHTS)
        ),
        participants=tuple(participants),
        weights=WEIGHTS,
    )


def _by_model(rating: Rating) -> Rating:
    """Return what was computed from a model's ratings as resting on the model."""
    return rating if rating.score is None else replace(rating, basis=Basis.LLM)


def _rating(debate: Outbound, found: QualityFound, speaker: str, part: str) -> Rating:
    """Return the mean of both runs, as sure as they agree; an abstention where they are apart.

    Who debates alone cannot change places with anybody: of these there is one run.
    """
    alone = len(debate.roster) < 2
    first, second = (
        [rating for rating in run if (rating.speaker, rating.part) == (speaker, part)] for run in found.runs
    )
    if alone:
        second = first
    if not first or not second:
        orders = "" if alone else " in both orders of speakers"
        return Rating(part, None, 0.0, f"Abstained: the model gave no rating{orders}.")
    scores = [fmean(rating.score for rating in run) for run in (first, second)]
    apart = abs(scores[0] - scores[1])
    if apart >= _APART:
        return Rating(
            part, None, 0.0, f"Abstained: with the speakers swapped, the scores are {apart:.1f} apart."
        )
    return Rating(
        part,
        rounded(fmean(scores)),
        _ONE_RUN if alone else rounded(1 - apart / _WIDEST),
        kept(debate, first[0].why, _named(debate, first[:1])),
        tuple(line.evidence for line in _named(debate, [*first, *second])),
        len(first) if alone else len(first) + len(second),
        Basis.LLM,
    )


def _named(debate: Outbound, ratings: Sequence[SaidRating]) -> list[Line]:
    wanted = {sid for rating in ratings for sid in rating.sids}
    places = sorted(debate.places[sid] for sid in wanted if sid in debate.places)
    return [debate.lines[place] for place in places[:_MAX_EVIDENCE]]
