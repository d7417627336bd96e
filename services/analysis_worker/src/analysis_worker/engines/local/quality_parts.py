"""The four parts of a debater's rating, each from a few shares, or an abstention.

The parts follow Wachsmuth et al. 2017 (cogency, effectiveness, reasonableness) and the discourse quality
index (Steenbergen et al. 2003) for deliberation. Every ingredient is a share among sentences with content,
so that more words alone, or filler, cannot raise it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from analysis_worker.domain.metric import Evidence, Metric, rounded
from analysis_worker.domain.result import (
    Arguments,
    ComponentKind,
    Interaction,
    ParticipantArguments,
    Rating,
    RelationKind,
)
from analysis_worker.engines.local.document import Document, Sentence, SpokenTurn
from analysis_worker.engines.local.lexicon import Cue
from analysis_worker.engines.local.words import is_number

#: No rating by this engine is surer: against panels of judges, such features are right 7 times of 10.
CONFIDENCE_CEILING: Final = 0.4
_FEWEST_CLAIMS: Final = 5
_FEWEST_SENTENCES: Final = 10
#: A sentence with fewer stems of content holds no proposition.
_FEWEST_CONTENT_WORDS: Final = 3
_FEWEST_REPLIES: Final = 3
_MAX_EVIDENCE: Final = 2

#: Shares at which an ingredient is worth everything; above, style earns nothing more. Shared words show only
#: a part of what a debater takes up, so the shares that rest on them are complete early.
_ENOUGH_SOURCED: Final = 0.3
_ENOUGH_LINKED: Final = 0.5
_ENOUGH_UPTAKE: Final = 0.15
_ENOUGH_REBUTTED: Final = 0.4
_ENOUGH_ASKED: Final = 0.2
_TOO_IMPOLITE: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Ingredient:
    #: What it is, for the reader.
    words: str
    #: 0 to 1.
    share: float
    weight: float
    confidence: float


def parts_of(
    document: Document,
    own: ParticipantArguments,
    turns: Sequence[SpokenTurn],
    arguments: Arguments,
    interaction: Interaction,
) -> tuple[Rating, ...]:
    """Return cogency, effectiveness, reasonableness and deliberation of the debater of these turns."""
    sentences = [
        sentence
        for turn in turns
        for sentence in turn.sentences
        if len(sentence.content) >= _FEWEST_CONTENT_WORDS
    ]
    return (
        _cogency(own, sentences, arguments),
        _effectiveness(own, sentences, arguments),
        _reasonableness(own, arguments),
        _deliberation(document, own.participant_id, sentences, interaction),
    )


def _cogency(own: ParticipantArguments, sentences: Sequence[Sentence], arguments: Arguments) -> Rating:
    support = own.claim_support
    if support.value is None or support.sample_size < _FEWEST_CLAIMS:
        return _abstention("cogency", f"needs {_FEWEST_CLAIMS} recognised claims")
    sourced = _share(
        sentences, lambda sentence: sentence.has(Cue.EVIDENCE) or any(map(is_number, sentence.words))
    )
    return _rating(
        "cogency",
        (
            _Ingredient(
                f"{support.value:.0%} of {support.sample_size} claims have a premise nearby",
                support.value,
                0.6,
                support.confidence,
            ),
            _Ingredient(
                f"{sourced:.0%} of sentences name a figure, a source or an example",
                min(1.0, sourced / _ENOUGH_SOURCED),
                0.4,
                support.confidence,
            ),
        ),
        _linked_evidence(own.participant_id, arguments, RelationKind.SUPPORT),
        support,
    )


def _effectiveness(own: ParticipantArguments, sentences: Sequence[Sentence], arguments: Arguments) -> Rating:
    promote = own.promote_own
    if promote.value is None or len(sentences) < _FEWEST_SENTENCES:
        return _abstention(
            "effectiveness", f"needs an opening and {_FEWEST_SENTENCES} sentences with content"
        )
    linked = _share(sentences, lambda sentence: sentence.has(Cue.CONNECTIVE))
    return _rating(
        "effectiveness",
        (
            _Ingredient(
                f"{promote.value:.0%} of the opening's points come up again",
                promote.value,
                0.6,
                promote.confidence,
            ),
            _Ingredient(
                f"{linked:.0%} of sentences say how they connect",
                min(1.0, linked / _ENOUGH_LINKED),
                0.4,
                promote.confidence,
            ),
        ),
        _surest_claims(own.participant_id, arguments),
        promote,
    )


def _reasonableness(own: ParticipantArguments, arguments: Arguments) -> Rating:
    rebuttal, pursue = own.rebuttal_rate, own.pursue_opponent
    if rebuttal.value is None or pursue.value is None or rebuttal.sample_size < _FEWEST_CLAIMS:
        return _abstention("reasonableness", f"needs {_FEWEST_CLAIMS} claims of opponents to answer")
    return _rating(
        "reasonableness",
        (
            _Ingredient(
                f"{rebuttal.value:.0%} of {rebuttal.sample_size} opposing claims are taken up",
                min(1.0, rebuttal.value / _ENOUGH_REBUTTED),
                0.6,
                rebuttal.confidence,
            ),
            _Ingredient(
                f"{pursue.value:.0%} of the opponents' opening points are pursued",
                pursue.value,
                0.4,
                pursue.confidence,
            ),
        ),
        _linked_evidence(own.participant_id, arguments, RelationKind.ATTACK),
        rebuttal,
    )


def _deliberation(
    document: Document, who: str, sentences: Sequence[Sentence], interaction: Interaction
) -> Rating:
    uptake = _metric(interaction, who, "uptake")
    if uptake is None or uptake.value is None or uptake.sample_size < _FEWEST_REPLIES:
        return _abstention("deliberation", f"needs {_FEWEST_REPLIES} replies to another debater")
    asked = _share(sentences, lambda sentence: sentence.question)
    impolite = _share(sentences, lambda sentence: sentence.has(Cue.IMPOLITE))
    return _rating(
        "deliberation",
        (
            _Ingredient(
                f"replies take up {uptake.value:.0%} of what they answer, beyond chance",
                min(1.0, uptake.value / _ENOUGH_UPTAKE),
                0.5,
                uptake.confidence,
            ),
            _Ingredient(
                f"{impolite:.0%} of sentences hold a harsh word",
                1 - min(1.0, impolite / _TOO_IMPOLITE),
                0.3,
                uptake.confidence,
            ),
            _Ingredient(
                f"{asked:.0%} of sentences ask", min(1.0, asked / _ENOUGH_ASKED), 0.2, uptake.confidence
            ),
        ),
        _manners(document, sentences),
        uptake,
    )


def _rating(
    name: str, ingredients: Sequence[_Ingredient], evidence: tuple[Evidence, ...], chief: Metric
) -> Rating:
    """Return 1 + 4 times the weighted share; as sure as its ingredients, up to the ceiling.

    It rests on what its chief ingredient rests on.
    """
    share = sum(ingredient.weight * ingredient.share for ingredient in ingredients)
    confidence = sum(ingredient.weight * ingredient.confidence for ingredient in ingredients)
    why = "; ".join(ingredient.words for ingredient in ingredients)
    return Rating(
        name,
        rounded(min(5.0, 1 + 4 * share)),
        rounded(min(CONFIDENCE_CEILING, confidence)),
        f"{why[0].upper()}{why[1:]}.",
        evidence,
        chief.sample_size,
        chief.basis,
    )


def _abstention(name: str, why: str) -> Rating:
    return Rating(name, None, 0.0, f"Abstained: {why}.")


def _share(sentences: Sequence[Sentence], holds: Callable[[Sentence], bool]) -> float:
    return sum(map(holds, sentences)) / len(sentences) if sentences else 0.0


def _metric(interaction: Interaction, who: str, name: str) -> Metric | None:
    return next((own.get(name) for own in interaction.participants if own.participant_id == who), None)


def _linked_evidence(who: str, arguments: Arguments, kind: RelationKind) -> tuple[Evidence, ...]:
    """Return the debater's components at the source of the surest relations of a kind."""
    own = {
        component.component_id: component
        for component in arguments.components
        if component.participant_id == who
    }
    links = sorted(
        (relation for relation in arguments.relations if relation.kind is kind and relation.source in own),
        key=lambda relation: -relation.confidence,
    )
    sources = list(dict.fromkeys(relation.source for relation in links))
    return tuple(own[source].evidence for source in sources[:_MAX_EVIDENCE])


def _manners(document: Document, sentences: Sequence[Sentence]) -> tuple[Evidence, ...]:
    """Return the sentences that show it best: harsh ones first, or else those that concede or ask."""
    telling = [sentence for sentence in sentences if sentence.has(Cue.IMPOLITE)]
    telling += [sentence for sentence in sentences if sentence.has(Cue.POLITE) and sentence not in telling]
    telling += [sentence for sentence in sentences if sentence.question and sentence not in telling]
    return tuple(document.evidence_of(sentence) for sentence in telling[:_MAX_EVIDENCE])


def _surest_claims(who: str, arguments: Arguments) -> tuple[Evidence, ...]:
    claims = [
        component
        for component in arguments.components
        if component.participant_id == who and component.kind is ComponentKind.CLAIM
    ]
    return tuple(
        claim.evidence for claim in sorted(claims, key=lambda claim: -claim.confidence)[:_MAX_EVIDENCE]
    )
