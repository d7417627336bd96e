"""Reads the kept analyses that insights are made of: the participant's own, and others to compare with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from analysis_worker.domain.insights import Held
from analysis_worker.insights import in_child
from analysis_worker.runtime.context import JobContext
from bothsides.jobs import v1 as pb
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass

#: Kept analyses that are looked through unless the job says otherwise.
ANALYSES: Final = 500
#: The latest conversations of the participant that are followed, if the job names none.
MOST_CONVERSATIONS: Final = 200
#: Analyses that are read and taken apart at once: a few megabytes.
_TOGETHER: Final = 25


@dataclass(frozen=True, slots=True)
class Read:
    """What was found."""

    #: Conversations in order, with what is held of the participant.
    own: list[tuple[str, Held | None]]
    others: list[Held]
    #: Of all analyses that were read.
    sha256: str


async def read(spec: pb.LearningInsightsSpec, context: JobContext) -> Read:
    """Return what the kept analyses hold; reports progress up to one half.

    Raises:
        AttemptFailed: INVALID_INPUT if none holds the participant as a debater; TRANSIENT if the store does
            not answer.
    """
    context.progress(0.0, "Looking for analyses")
    latest = await context.kept.latest(context.tenant, spec.max_analyses or ANALYSES)
    wanted = list(dict.fromkeys([*spec.conversation_ids, *latest]))
    digest = hashlib.sha256()
    held: list[Held] = []
    for place in range(0, len(wanted), _TOGETHER):
        context.progress(
            0.5 * place / len(wanted), "Reading analyses", completed_units=place, total_units=len(wanted)
        )
        names = wanted[place : place + _TOGETHER]
        bodies = await context.kept.load_analyses(context.tenant, names)
        found = [(name, body) for name, body in zip(names, bodies, strict=True) if body is not None]
        for name, body in found:
            digest.update(f"{name} {hashlib.sha256(body).hexdigest()}\n".encode())
        held += await context.run_in_child(in_child.held, found, spec.participant_id)
    mine = {each.conversation_id: each for each in held if each.participant_id == spec.participant_id}
    if not mine:
        raise AttemptFailed(
            ErrorClass.INVALID_INPUT,
            "PARTICIPANT_NOT_ANALYSED",
            f"none of {len(wanted)} analyses has this participant as a debater",
            suggestion="analyse the participant's conversations first, or raise max_analyses",
        )
    ordered = spec.conversation_ids or [name for name in reversed(latest) if name in mine]
    own = [(name, mine.get(name)) for name in ordered[-MOST_CONVERSATIONS:]]
    others = [each for each in held if each.participant_id != spec.participant_id]
    return Read(own, others, digest.hexdigest())
