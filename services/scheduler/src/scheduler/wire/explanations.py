"""Why a job waits, on the wire: an explanation to `ExplainJobResponse`, with words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bothsides.jobs import v1 as pb
from common.job.model import Job
from common.job.states import JobState
from common.store.jobs import RELEASED_FOR, Blocker, BlockerKind
from scheduler.explaining import Explained, WorkerBlocker, WorkerBlockerKind
from scheduler.wire.times import instant_to_pb

_K: Final = BlockerKind
#: What the record of a waiting job says of its state alone.
_BY_STATE: Final[Mapping[JobState, pb.Blocker.Kind.ValueType]] = {
    JobState.SCHEDULED: pb.Blocker.RUN_TIME,
    JobState.RETRYING: pb.Blocker.BACKOFF,
}
#: Their value is no measure of anything: the time they clear says all.
_WITHOUT_VALUE: Final = frozenset(
    {_K.RUN_TIME, _K.BACKOFF, _K.SNOOZED, _K.CIRCUIT, _K.PROVIDER_LIMIT, _K.BUDGET, _K.PAUSED}
)
_DETAILS: Final[Mapping[BlockerKind | WorkerBlockerKind, str]] = {
    _K.RUN_TIME: "its schedule_time has not come; UpdateJob can change that",
    _K.BACKOFF: "its last attempt failed, and the pause before the next one is not over: UpdateJob with a "
    "schedule_time of now ends it",
    _K.RETRY_BUDGET: "queue {queue} has used {value} of the {limit} retries that two minutes allow: "
    "UpdateQueue with another retry_budget allows more",
    _K.PAUSED: "queue {queue} is paused: ResumeQueue ends it",
    _K.RAMP: "queue {queue} was resumed little by little: {value} of {limit} jobs at once run at this point; "
    "ResumeQueue without a ramp ends that",
    _K.CONCURRENCY: "{value} of {limit} jobs at once run in queue {queue}: it waits for the end of one, or "
    "for UpdateQueue with a greater concurrency",
    _K.WINDOW: "{value} of {limit} starts in the window of queue {queue} are used up: UpdateQueue with "
    "another window allows more",
    _K.TENANT_CONCURRENCY: "{value} of {limit} jobs at once of the tenant run in queue {queue}: it waits for "
    "the end of one, or for UpdateQueue with greater tenant_limits",
    _K.TENANT_WINDOW: "{value} of {limit} starts in the tenant's window in queue {queue} are used up: "
    "UpdateQueue with other tenant_limits allows more",
    _K.TENANT_SHARE: "tenants that have their turn first: {value}; UpdateQueue with a greater weight in "
    "tenant_limits gives this one more turns",
    _K.AHEAD_IN_QUEUE: "jobs of the tenant that go first, by priority and waiting time: {value}; UpdateJob "
    "with a higher priority or a deadline_time moves it forward",
    WorkerBlockerKind.NO_WORKERS: "no worker serves queue {queue}: start one",
    WorkerBlockerKind.WORKER_CONCURRENCY: "the workers run {value} of the {limit} jobs of queue {queue} that "
    "they run at once: UpdateQueue with a greater worker_concurrency lets more start, and so do more workers",
    WorkerBlockerKind.WORKERS_BUSY: "{value} of {limit} slots of the workers of queue {queue} are taken: "
    "with more workers it starts sooner",
}
#: Why jobs go back that a worker of the platform gives back, and the way out. docs/errors.md has them, too.
GIVEN_BACK: Final[Mapping[str, str]] = {
    "UNKNOWN_ACTOR": "the workers that took it do not know its actor; start one that does, or cancel the job "
    "if the name is wrong",
    "NEWER_SPEC": "the workers that took it are older than its spec; deploy newer ones",
    "NEWER_RECORD": "the workers that took it are older than the scheduler; deploy newer ones",
    "NO_FILE_STORE": "the workers that took it have no file store; set JOB_PAYLOAD_STORE_URL for them",
    "OTHER_FILE_KEY": "the workers that took it have another STORE_ENCRYPTION_KEY than the scheduler",
    "FILE_STORE_UNAVAILABLE": "the file store that has its arguments does not answer",
    "RATE_LIMITED": "what it calls takes no more for now",
    "STORE_UNAVAILABLE": "the store did not answer",
    "STORE_FULL": "the store had no room; give it memory, or keep less (UpdateQueue with retention)",
    "WORKER_STOPPED": "its worker shut down; another one takes it",
    "STUCK": "those before it took long; another thread takes it",
}
#: Of those that wait for a paid call; the reason says more.
_PAID: Final[Mapping[BlockerKind, str]] = {
    _K.CIRCUIT: "the model that it calls is left alone until then ({reason}): ListCircuits shows why, "
    "ResetCircuit ends it",
    _K.PROVIDER_LIMIT: "its next call waits for the limits of its model ({reason}): ListProviderLimits shows "
    "what is left, UpdateProviderLimits changes those that are set",
    _K.BUDGET: "a budget has no room for its next call ({reason}): GetBudgets shows it, UpdateBudgets "
    "raises it",
}
_ALONE: Final = "a worker that runs nothing else, to run alone there: its workers vanished under it"


def explained_to_pb(explained: Explained) -> pb.ExplainJobResponse:
    facts = explained.facts
    message = pb.ExplainJobResponse(
        job_id=explained.job_id,
        state=pb.Job.State.Value(facts.state.value),
        blockers=[blocker_to_pb(blocker, explained.queue) for blocker in explained.blockers],
        jobs_ahead_count=facts.ahead,
        evaluate_time=instant_to_pb(facts.now_ms),
    )
    if explained.estimate is not None:
        message.estimated_start_p50.CopyFrom(instant_to_pb(explained.estimate.p50_ms))
        message.estimated_start_p90.CopyFrom(instant_to_pb(explained.estimate.p90_ms))
    return message


def blocker_to_pb(blocker: Blocker | WorkerBlocker, queue: str) -> pb.Blocker:
    message = pb.Blocker(kind=pb.Blocker.Kind.Value(blocker.kind.value), detail=_detail(blocker, queue))
    clears_ms = blocker.clears_ms if isinstance(blocker, Blocker) else None
    if clears_ms is not None:
        message.clear_time.CopyFrom(instant_to_pb(clears_ms))
    if blocker.value is not None and not _is_time(blocker):
        message.value = blocker.value
        if blocker.limit is not None:
            message.limit = blocker.limit
    return message


def wait_reason_to_pb(job: Job) -> pb.Blocker.Kind.ValueType:
    """Return what a job's own record says of why it waits."""
    if job.state is not JobState.PENDING or not job.wait_reason:
        return _BY_STATE.get(job.state, pb.Blocker.KIND_UNSPECIFIED)
    if job.wait_reason == BlockerKind.SUSPECT:
        return pb.Blocker.SUSPECT
    return pb.Blocker.Kind.Value(RELEASED_FOR.get(job.wait_reason, BlockerKind.SNOOZED).value)


def _is_time(blocker: Blocker | WorkerBlocker) -> bool:
    """Whether a blocker's value is the time that is left, which its clear_time says."""
    return blocker.kind in _WITHOUT_VALUE or (
        isinstance(blocker, Blocker) and blocker.kind is _K.SUSPECT and blocker.clears_ms is not None
    )


def _detail(blocker: Blocker | WorkerBlocker, queue: str) -> str:
    if blocker.kind is _K.SNOOZED and isinstance(blocker, Blocker):
        reason = blocker.detail or "it did not say why"
        words = GIVEN_BACK.get(reason)
        return f"its last attempt gave it back until then: {reason}{f', {words}' if words else ''}"
    if isinstance(blocker, Blocker) and blocker.kind in _PAID:
        return _PAID[blocker.kind].format(reason=blocker.detail)
    if blocker.kind is _K.SUSPECT and isinstance(blocker, Blocker):
        return f"it waits for {'its pause, then ' if blocker.clears_ms is not None else ''}{_ALONE}"
    value, limit = f"{blocker.value or 0:g}", f"{blocker.limit or 0:g}"
    return _DETAILS[blocker.kind].format(queue=queue, value=value, limit=limit)
