"""A Dramatiq broker that is a job system: plain actors in, tracked jobs out."""

from common.broker.broker import JobBroker
from common.broker.joining import JobFailed
from common.broker.running import RunningJob, Snoozed, StopReason, current_job

__all__ = ["JobBroker", "JobFailed", "RunningJob", "Snoozed", "StopReason", "current_job"]
