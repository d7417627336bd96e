"""What each debater could try next: one step at most, with the words that it hangs on.

After Hattie and Timperley 2007: feedback helps that says where to go next, and little of it at a time. A
step is drawn from what the analysis found weakest, and only where it has a sentence to point to; it is a
suggestion, and no verdict.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from bothsides.jobs import v1 as pb
from bothsides_client.report.model import Quote
from bothsides_client.report.names import Cast
from bothsides_client.report.wording import printable, quoted

#: Steps of one report.
MOST: Final = 3
#: Below these shares there is something to try.
_FEW_ANSWERED: Final = 0.4
_FEW_SUPPORTED: Final = 0.4
_FEWEST: Final = 3


def next_steps(analysis: pb.DebateAnalysis, cast: Cast) -> tuple[Quote, ...]:
    """Return the steps, in the order of the debaters."""
    by_speaker = {each.participant_id: each for each in analysis.arguments.participants}
    steps: list[Quote] = []
    for participant_id in cast.debaters:
        own = by_speaker.get(participant_id)
        said = {step.text for step in steps}
        step = own and (_answer(analysis, cast, own, said) or _give_a_reason(analysis, cast, own))
        if step:
            steps.append(step)
    return tuple(steps[:MOST])


def _answer(
    analysis: pb.DebateAnalysis, cast: Cast, own: pb.Arguments.Participant, said: Collection[str]
) -> Quote | None:
    """Point to the surest claim of somebody else that stayed without an answer, none twice."""
    rate = own.rebuttal_rate
    if not rate.HasField("value") or rate.value >= _FEW_ANSWERED or rate.sample_size < _FEWEST:
        return None
    components = {each.component_id: each for each in analysis.arguments.components}
    left = [components[name] for name in analysis.arguments.dropped_claim_ids if name in components]
    others = [
        claim
        for claim in left
        if claim.participant_id != own.participant_id and quoted(claim.evidence.quote) not in said
    ]
    if not others:
        return None
    claim = max(others, key=lambda each: each.confidence)
    remark = f"answered {rate.value:.0%} of the others' claims"
    return _step(cast, own, f"answer this claim of {cast.name(claim.participant_id)}", claim, remark)


def _give_a_reason(analysis: pb.DebateAnalysis, cast: Cast, own: pb.Arguments.Participant) -> Quote | None:
    """Point to the surest own claim for which no premise was found."""
    support = own.claim_support
    if not support.HasField("value") or support.value >= _FEW_SUPPORTED or support.sample_size < _FEWEST:
        return None
    supported = {
        each.target for each in analysis.arguments.relations if each.kind == pb.Arguments.Relation.SUPPORT
    }
    bare = [
        each
        for each in analysis.arguments.components
        if each.kind == pb.Arguments.Component.CLAIM
        and each.participant_id == own.participant_id
        and each.component_id not in supported
    ]
    if not bare:
        return None
    claim = max(bare, key=lambda each: each.confidence)
    return _step(
        cast, own, "give a reason for this", claim, f"{support.value:.0%} of the own claims have one"
    )


def _step(
    cast: Cast, own: pb.Arguments.Participant, what: str, claim: pb.Arguments.Component, remark: str
) -> Quote:
    evidence = claim.evidence
    return Quote(
        what, cast.name(own.participant_id), printable(evidence.turn_id), quoted(evidence.quote), remark
    )
