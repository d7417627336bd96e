"""Claims, premises and how they hang together. Relations and fallacies are suspected, never certain."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from analysis_worker.domain.metric import Evidence, Metric


class ComponentKind(StrEnum):
    """A claim is what someone wants believed, a premise what is offered for it."""

    CLAIM = "claim"
    PREMISE = "premise"


class RelationKind(StrEnum):
    """Whether the source speaks for or against the target."""

    SUPPORT = "support"
    ATTACK = "attack"


@dataclass(frozen=True, slots=True)
class Component:
    """One sentence that argues."""

    component_id: str
    kind: ComponentKind
    participant_id: str
    evidence: Evidence
    confidence: float
    #: "" when topics were not computed.
    segment_id: str = ""

    def __reduce__(self) -> tuple[Any, ...]:  # as Evidence
        own = self.component_id, self.kind, self.participant_id, self.evidence, self.confidence
        return Component, (*own, self.segment_id)


@dataclass(frozen=True, slots=True)
class Relation:
    """A link between two components, by their ids."""

    source: str
    target: str
    kind: RelationKind
    cross_turn: bool
    confidence: float

    def __reduce__(self) -> tuple[Any, ...]:  # as Evidence
        return Relation, (self.source, self.target, self.kind, self.cross_turn, self.confidence)


@dataclass(frozen=True, slots=True)
class Fallacy:
    """A suspicion, its sentence and its reason."""

    kind: str
    participant_id: str
    evidence: Evidence
    why: str = field(repr=False)
    confidence: float


@dataclass(frozen=True, slots=True)
class ParticipantArguments:
    """One debater's argumentation."""

    participant_id: str
    claims: Metric
    premises: Metric
    #: Share of the own claims that have a premise.
    claim_support: Metric
    #: Share of the opponents' claims that were answered.
    rebuttal_rate: Metric
    #: Share of the own opening points that come up again.
    promote_own: Metric
    #: Share of the opponents' opening points that are taken up.
    pursue_opponent: Metric


@dataclass(frozen=True, slots=True)
class Arguments:
    """The argumentation of a debate."""

    participants: tuple[ParticipantArguments, ...]
    components: tuple[Component, ...]
    relations: tuple[Relation, ...]
    fallacies: tuple[Fallacy, ...]
    #: Claims that no opponent answered.
    dropped_claim_ids: tuple[str, ...]
