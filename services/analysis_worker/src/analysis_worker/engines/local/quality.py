"""Quality: a weighted sum of four parts, with its weights in the result. It names no winner.

It abstains where there is too little to judge, is at most 0.4 sure, and cannot be raised by length: see
`quality_parts`. English only.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Final

from analysis_worker.domain.metric import Basis, Evidence, rounded
from analysis_worker.domain.result import Arguments, Interaction, ParticipantQuality, Quality, Rating, Weight
from analysis_worker.engines.local.document import Document
from analysis_worker.engines.local.quality_parts import parts_of

METHOD: Final = (
    "published weighted sum of support, sources, rebuttal, own and opposing points, uptake, civility"
)

#: How much each part counts. Effectiveness, which rewards style, counts least.
WEIGHTS: Final = (
    Weight("cogency", 0.35),
    Weight("effectiveness", 0.15),
    Weight("reasonableness", 0.3),
    Weight("deliberation", 0.2),
)
#: Without parts of this weight there is no overall rating.
_FEWEST_WEIGHT: Final = 0.6
_OVERALL: Final = "overall"
_MAX_EVIDENCE: Final = 4


def analyze_quality(document: Document, arguments: Arguments, interaction: Interaction) -> Quality:
    """Return the debaters' ratings, and the debate's as their mean."""
    spoken = document.turns_by_debater()
    participants: list[ParticipantQuality] = []
    for own in arguments.participants:
        parts = parts_of(document, own, spoken.get(own.participant_id, []), arguments, interaction)
        participants.append(ParticipantQuality(own.participant_id, overall_of(parts), parts))
    return Quality(
        overall=mean_of(_OVERALL, [participant.overall for participant in participants]),
        parts=tuple(
            mean_of(weight.name, [participant.parts[place] for participant in participants])
            for place, weight in enumerate(WEIGHTS)
        ),
        participants=tuple(participants),
        weights=WEIGHTS,
    )


def overall_of(parts: Sequence[Rating]) -> Rating:
    """Return the weighted mean of the parts that did not abstain, if they weigh enough."""
    given = [
        (part.score, part.confidence, weight.weight)
        for part, weight in zip(parts, WEIGHTS, strict=True)
        if part.score is not None
    ]
    total = sum(weight for _, _, weight in given)
    missing = ", ".join(part.name for part in parts if part.score is None)
    if total < _FEWEST_WEIGHT:
        return Rating(_OVERALL, None, 0.0, f"Abstained: there is too little to judge {missing}.")
    score = sum(score * weight for score, _, weight in given) / total
    confidence = sum(confidence * weight for _, confidence, weight in given)
    why = f"Weighted sum of the parts, without {missing}." if missing else "Weighted sum of the parts."
    return Rating(
        _OVERALL, rounded(score), rounded(confidence), why, _evidence(parts), len(given), _basis(parts)
    )


def _basis(ratings: Sequence[Rating]) -> Basis:
    """Return the basis of ratings put together: a model's, if any of them is."""
    return Basis.MODEL if any(rating.basis is Basis.MODEL for rating in ratings) else Basis.TEXT


def _evidence(ratings: Sequence[Rating]) -> tuple[Evidence, ...]:
    """Return the first of each rating's evidence, then the second, each place once."""
    deepest = max((len(rating.evidence) for rating in ratings), default=0)
    ranked = [rating.evidence[at] for at in range(deepest) for rating in ratings if at < len(rating.evidence)]
    return tuple(dict.fromkeys(ranked))[:_MAX_EVIDENCE]


def mean_of(name: str, ratings: Sequence[Rating]) -> Rating:
    given = [(rating.score, rating.confidence) for rating in ratings if rating.score is not None]
    if not given:
        return Rating(name, None, 0.0, "Abstained: there is too little to judge any debater.")
    why = (
        f"Mean of {len(given)} of {len(ratings)} debaters."
        if len(given) < len(ratings)
        else "Mean of the debaters."
    )
    return Rating(
        name,
        rounded(fmean(score for score, _ in given)),
        rounded(fmean(confidence for _, confidence in given)),
        why,
        _evidence(ratings),
        len(given),
        _basis(ratings),
    )
