"""The table of job types: a type is its name, its actor and its queue.

A new type is a row here, a spec in `job.proto` and a module in the worker's `handlers`; nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

AI_ANALYSIS: Final = "ai_analysis"
DATA_PROCESSING: Final = "data_processing"
NOTIFICATIONS: Final = "notifications"
EXPORTS: Final = "exports"
MAINTENANCE: Final = "maintenance"

#: The platform's own queues; anyone's actors may declare others.
QUEUES: Final = (AI_ANALYSIS, DATA_PROCESSING, NOTIFICATIONS, EXPORTS, MAINTENANCE)

#: Jobs of one queue that one worker runs at once, as in the original system.
CONCURRENCY: Final = MappingProxyType(
    {AI_ANALYSIS: 3, DATA_PROCESSING: 5, NOTIFICATIONS: 10, EXPORTS: 2, MAINTENANCE: 1}
)

#: The type of a job that runs a named actor.
GENERIC: Final = "GENERIC"
#: Where a generic job waits if its spec names no queue.
GENERIC_QUEUE: Final = DATA_PROCESSING


@dataclass(frozen=True, slots=True)
class JobType:
    """One kind of work."""

    #: As in `Job.Type` of the contract.
    name: str
    queue: str
    #: Of its spec. Raised with a change after which an older worker must leave new jobs to newer ones; fields
    #: that it may pass over are no such change.
    version: int = 1

    @property
    def spec_field(self) -> str:
        """The field of `JobSpec` that orders this type; also the actor's name."""
        return self.name.lower()


_TYPES: Final = (
    JobType("TRANSCRIPT_ANALYSIS", AI_ANALYSIS),
    JobType("REFLECTION_PROCESSING", AI_ANALYSIS),
    JobType("LEARNING_INSIGHTS", DATA_PROCESSING),
)

JOB_TYPES: Final = {job_type.name: job_type for job_type in _TYPES}
JOB_TYPES_BY_SPEC: Final = {job_type.spec_field: job_type for job_type in _TYPES}
