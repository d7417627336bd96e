"""The scripts move jobs as the table of states says, and in no other way."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import redis

from common.job.ids import JobId
from common.job.limits import KEPT
from common.job.model import ErrorClass, JobError
from common.job.outcome import Cancelled, Fail, Outcome, Release, Retry, Succeed
from common.job.priority import ALLOWANCE_MS
from common.job.states import TRANSITIONS, Action, JobState
from common.store.events import StateChanged, events_of
from common.store.jobs import Lease
from common.store.scripts import script
from support.store import Queue

ERROR = JobError(ErrorClass.TRANSIENT, "AWAY")
OUTCOMES: dict[Action, Outcome] = {
    Action.SUCCEED: Succeed(),
    Action.FAIL: Fail(ERROR),
    Action.RETRY_LATER: Retry(ERROR, delay_ms=1_000),
    Action.RELEASE: Release(),
    Action.CONFIRM_CANCEL: Cancelled(),
}


def leased(queue: Queue) -> tuple[JobId, Lease]:
    job_id = queue.submit(ttl_ms=3_600_000)
    [lease] = queue.fetch()
    return job_id, lease


def ended(queue: Queue, outcome: Outcome) -> tuple[JobId, Lease]:
    job_id, lease = leased(queue)
    queue.finish(lease, outcome)
    return job_id, lease


def cancelling(queue: Queue) -> tuple[JobId, Lease]:
    job_id, lease = leased(queue)
    queue.cancel(job_id)
    return job_id, lease


def expired(queue: Queue) -> tuple[JobId, None]:
    job_id = queue.submit(ttl_ms=1_000)
    queue.now_ms += 2_000
    assert queue.fetch() == []
    return job_id, None


BRING: dict[JobState, Callable[[Queue], tuple[JobId, Lease | None]]] = {
    JobState.SCHEDULED: lambda queue: (queue.submit(delay_ms=60_000, ttl_ms=3_600_000), None),
    JobState.PENDING: lambda queue: (queue.submit(ttl_ms=3_600_000), None),
    JobState.RUNNING: leased,
    JobState.RETRYING: lambda queue: ended(queue, Retry(ERROR, delay_ms=60_000)),
    JobState.CANCELLING: cancelling,
    JobState.SUCCEEDED: lambda queue: ended(queue, Succeed()),
    JobState.FAILED: lambda queue: ended(queue, Fail(ERROR)),
    JobState.CANCELLED: lambda queue: ended(queue, Cancelled()),
    JobState.EXPIRED: expired,
}


def apply(queue: Queue, action: Action, job_id: JobId, lease: Lease | None) -> None:
    """Do to the job whatever would make this move, if it were allowed."""
    member = lease or Lease(job_id, 1, "default", 0, 0, queue.request().retry, None, b"")
    match action:
        case Action.PROMOTE:
            queue.now_ms += 61_000
            queue.fetch(0)
        case Action.CLAIM:
            queue.fetch()
        case Action.LOSE:
            queue.now_ms += queue.lease_ms + 1
            queue.fetch(0)
        case Action.QUARANTINE:
            # Lost twice, and then twice while it ran alone.
            for _ in range(4):
                queue.now_ms += queue.lease_ms + 1
                queue.fetch(0)
                queue.now_ms += 10_000
                queue.fetch(alone=True)
        case Action.CANCEL:
            queue.cancel(job_id)
        case Action.RETRY:
            queue.retry(job_id)
        case Action.EXPIRE:
            queue.now_ms += 3_600_001
            queue.fetch()
        case _:
            queue.finish(member, OUTCOMES[action])


#: Moves that other moves bring about on the way, so that they can't be tried where they don't apply:
#: time passing promotes before it expires; a lost lease is taken back before another is granted.
INDIRECT = {
    (JobState.SCHEDULED, Action.QUARANTINE),
    (JobState.PENDING, Action.QUARANTINE),
    (JobState.RETRYING, Action.QUARANTINE),
    (JobState.RUNNING, Action.PROMOTE),
    (JobState.RUNNING, Action.EXPIRE),
    (JobState.CANCELLING, Action.PROMOTE),
    (JobState.CANCELLING, Action.EXPIRE),
    (JobState.CANCELLING, Action.QUARANTINE),
    (JobState.SCHEDULED, Action.LOSE),
    (JobState.RETRYING, Action.LOSE),
}


@pytest.mark.parametrize(
    ("state", "action"),
    [(state, action) for state in JobState for action in Action if (state, action) not in INDIRECT],
)
def test_a_script_moves_a_job_as_the_table_says(client: redis.Redis, state: JobState, action: Action) -> None:
    # Given a job in the state,
    queue = Queue(client)
    job_id, lease = BRING[state](queue)
    assert queue.state(job_id) is state
    # when what makes the move happens,
    apply(queue, action, job_id, lease)
    # then it is where the table says; or where it was, if the table knows no such move;
    assert queue.state(job_id) is TRANSITIONS.get((state, action), state)
    # and each event says from where it came.
    entries: Any = client.xrange(queue.keys.events)
    told = [event for _, entry in entries for event in events_of(entry) if event.job_id == job_id]
    changes = [event for event in told if isinstance(event, StateChanged)]
    came_from = [frozenset[JobState](), *(frozenset({event.state}) for event in changes)]
    assert [event.before for event in changes] == came_from[:-1]


def test_the_scripts_know_the_same_allowances() -> None:
    source = script("submit").source
    for priority, allowance_ms in ALLOWANCE_MS.items():
        assert f"{priority.value} = {allowance_ms}" in source


def test_the_scripts_know_the_same_retention() -> None:
    source = script("finish").source
    for state, (count, length_ms) in KEPT.items():
        assert re.search(rf"KEPT = .*\b{state.value} = {count}\b", source)
        assert re.search(rf"KEPT_MS = .*\b{state.value} = {length_ms}\b", source)


def test_every_script_says_what_it_takes_and_returns() -> None:
    from importlib import resources

    for path in resources.files("common.store").joinpath("lua").iterdir():
        text = path.read_text()
        if text.startswith("#!lua") or "-- @include queue" in text:
            assert text.startswith("#!lua"), path.name
            assert "-- Output" in script(path.name.removesuffix(".lua")).source, path.name
