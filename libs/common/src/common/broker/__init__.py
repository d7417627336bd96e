"""A Dramatiq broker that is a job system: plain actors in, tracked jobs out."""

from common.broker.broker import JobBroker
from common.broker.interrupts import (
    CancelInterrupt,
    JobInterrupt,
    LeaseLostInterrupt,
    ShutdownInterrupt,
    TimeLimitInterrupt,
)
from common.broker.joining import JobFailed
from common.broker.running import RunningJob, Snoozed, StopReason, current_job
from common.job.limits import RetryBudget

__all__ = [
    "CancelInterrupt",
    "JobBroker",
    "JobFailed",
    "JobInterrupt",
    "LeaseLostInterrupt",
    "RetryBudget",
    "RunningJob",
    "ShutdownInterrupt",
    "Snoozed",
    "StopReason",
    "TimeLimitInterrupt",
    "current_job",
]
