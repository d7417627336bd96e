"""The states of a job and the moves between them: the specification that every script is held to."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class JobState(StrEnum):
    """Where a job is in its life."""

    #: Waits for its run time. `fetch` moves it on; nobody dying can stop that.
    SCHEDULED = "SCHEDULED"
    #: May start when a worker has a free slot; a snoozed one waits for a later time.
    PENDING = "PENDING"
    #: Leased by a worker. If the worker dies the lease ends, and `fetch` makes it PENDING.
    RUNNING = "RUNNING"
    #: Failed, waits for its next attempt. `fetch` moves it on.
    RETRYING = "RETRYING"
    #: Leased, and asked to stop. If the worker dies the lease ends, and `fetch` makes it CANCELLED.
    CANCELLING = "CANCELLING"
    #: Done, with a result.
    SUCCEEDED = "SUCCEEDED"
    #: Given up, with an error.
    FAILED = "FAILED"
    #: Stopped on request.
    CANCELLED = "CANCELLED"
    #: Not started in time.
    EXPIRED = "EXPIRED"

    @property
    def is_final(self) -> bool:
        """No worker moves the job on from here; only an operator's retry does."""
        return self in FINAL_STATES

    @property
    def is_leased(self) -> bool:
        """A worker holds the job."""
        return self in (JobState.RUNNING, JobState.CANCELLING)


FINAL_STATES: Final = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED})


class Action(StrEnum):
    """What moves a job."""

    #: Its run time or retry time has come.
    PROMOTE = "PROMOTE"
    #: A worker with a free slot takes it.
    CLAIM = "CLAIM"
    SUCCEED = "SUCCEED"
    FAIL = "FAIL"
    #: The attempt failed and another is due later.
    RETRY_LATER = "RETRY_LATER"
    #: Given back without spending an attempt: a limit, a circuit, a shutdown.
    RELEASE = "RELEASE"
    #: Its lease ran out.
    LOSE = "LOSE"
    #: Its lease ran out once too often.
    QUARANTINE = "QUARANTINE"
    CANCEL = "CANCEL"
    #: The worker has stopped what was cancelled.
    CONFIRM_CANCEL = "CONFIRM_CANCEL"
    #: Its expire time came before a worker did.
    EXPIRE = "EXPIRE"
    #: An operator starts it anew.
    RETRY = "RETRY"


_S, _A = JobState, Action

TRANSITIONS: Final[Mapping[tuple[JobState, Action], JobState]] = MappingProxyType(
    {
        (_S.SCHEDULED, _A.PROMOTE): _S.PENDING,
        (_S.RETRYING, _A.PROMOTE): _S.PENDING,
        (_S.PENDING, _A.CLAIM): _S.RUNNING,
        (_S.RUNNING, _A.SUCCEED): _S.SUCCEEDED,
        (_S.RUNNING, _A.FAIL): _S.FAILED,
        (_S.RUNNING, _A.RETRY_LATER): _S.RETRYING,
        (_S.RUNNING, _A.RELEASE): _S.PENDING,
        (_S.RUNNING, _A.LOSE): _S.PENDING,
        (_S.RUNNING, _A.QUARANTINE): _S.FAILED,
        (_S.RUNNING, _A.CANCEL): _S.CANCELLING,
        (_S.RUNNING, _A.CONFIRM_CANCEL): _S.CANCELLED,
        (_S.CANCELLING, _A.CANCEL): _S.CANCELLING,
        (_S.CANCELLING, _A.SUCCEED): _S.SUCCEEDED,
        (_S.CANCELLING, _A.CONFIRM_CANCEL): _S.CANCELLED,
        # What was asked to stop and stopped in another way has stopped.
        (_S.CANCELLING, _A.FAIL): _S.CANCELLED,
        (_S.CANCELLING, _A.RETRY_LATER): _S.CANCELLED,
        (_S.CANCELLING, _A.RELEASE): _S.CANCELLED,
        (_S.CANCELLING, _A.LOSE): _S.CANCELLED,
        (_S.SCHEDULED, _A.CANCEL): _S.CANCELLED,
        (_S.PENDING, _A.CANCEL): _S.CANCELLED,
        (_S.RETRYING, _A.CANCEL): _S.CANCELLED,
        (_S.SCHEDULED, _A.EXPIRE): _S.EXPIRED,
        (_S.PENDING, _A.EXPIRE): _S.EXPIRED,
        (_S.RETRYING, _A.EXPIRE): _S.EXPIRED,
        (_S.FAILED, _A.RETRY): _S.PENDING,
        (_S.CANCELLED, _A.RETRY): _S.PENDING,
        (_S.EXPIRED, _A.RETRY): _S.PENDING,
    }
)


class IllegalTransition(ValueError):
    """The table has no such edge."""

    def __init__(self, state: JobState, action: Action) -> None:
        super().__init__(f"{action} does not apply to a job that is {state}")
        self.state = state
        self.action = action


def next_state(state: JobState, action: Action) -> JobState:
    """Return the state that `action` leads to from `state`.

    Raises:
        IllegalTransition: The table has no such edge.
    """
    try:
        return TRANSITIONS[state, action]
    except KeyError:
        raise IllegalTransition(state, action) from None
