"""What an event means to a watch with a filter, from the event alone or with the job's record."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from common.job.ids import JobId
from common.job.model import ErrorClass, JobError
from common.job.states import TRANSITIONS, JobState
from common.store.events import Deleted, Progressed, StateChanged, Updated
from common.store.spelling import progress_of
from scheduler.filters import parse_filter
from scheduler.watch.judge import Judge, Verdict

JOB = JobId("data-1")
RED = {"state": "PENDING", "actor": "work", "priority": "HIGH", "label:team": "red", "created": "5"}
BLUE = {**RED, "label:team": "blue"}


def _judge(text: str) -> Judge:
    return Judge(parse_filter(text), "data_processing")


def _change(before: JobState | None, state: JobState, attempt: int = 1, reason: str = "") -> StateChanged:
    error = JobError(ErrorClass.BUG, reason, attempt=attempt) if reason else None
    came_from = frozenset[JobState]() if before is None else frozenset({before})
    return StateChanged(JOB, 1_000, attempt, state, error, before=came_from)


S = JobState


def test_a_filter_on_queue_and_type_needs_no_record() -> None:
    assert _judge("queue = data_processing").is_open
    assert _judge("queue = exports").is_shut
    assert _judge("type = TRANSCRIPT_ANALYSIS").is_shut
    assert _judge("queue = exports OR NOT type = TRANSCRIPT_ANALYSIS").is_open
    assert _judge("").of(_change(None, S.PENDING, 0)) is Verdict.TELL


def test_a_filter_on_states_is_judged_from_the_event_alone() -> None:
    running = _judge("state = RUNNING")

    assert running.of(_change(S.PENDING, S.RUNNING)) is Verdict.TELL
    assert running.of(_change(S.RUNNING, S.SUCCEEDED)) is Verdict.REMOVE
    assert running.of(_change(S.FAILED, S.PENDING)) is Verdict.PASS
    assert running.of(_change(None, S.PENDING, 0)) is Verdict.PASS
    assert running.of(Progressed(JOB, 1, 1, progress_of(b'{"fraction":1}'))) is Verdict.TELL


def test_an_event_of_an_older_version_may_have_come_from_anywhere() -> None:
    """So that the job is removed rather than kept for ever."""
    event = StateChanged(JOB, 1, 1, S.PENDING, None)

    assert _judge("state = FAILED").of(event) is Verdict.REMOVE
    assert _judge("state = SUCCEEDED").of(event) is Verdict.PASS


def test_a_record_is_read_only_where_it_decides() -> None:
    judge = _judge("state = FAILED AND labels.team = red")

    assert judge.of(_change(S.PENDING, S.RUNNING)) is Verdict.PASS
    failed = _change(S.RUNNING, S.FAILED, reason="BROKEN")
    assert judge.of(failed) is Verdict.READ
    assert judge.of(failed, RED) is Verdict.TELL
    assert judge.of(failed, BLUE) is Verdict.PASS
    retried = _change(S.FAILED, S.PENDING)
    assert judge.of(retried) is Verdict.READ
    assert judge.of(retried, RED) is Verdict.REMOVE
    assert judge.of(retried, BLUE) is Verdict.PASS


def test_when_a_job_ended_follows_from_the_event() -> None:
    judge = _judge("end_time >= 1970-01-01T00:00:01Z")

    assert judge.of(_change(S.RUNNING, S.SUCCEEDED)) is Verdict.TELL
    assert judge.of(_change(S.PENDING, S.RUNNING)) is Verdict.PASS
    assert judge.of(_change(S.FAILED, S.PENDING), RED) is Verdict.REMOVE


def test_an_error_that_the_record_holds_by_now_is_not_seen_before_it_happened() -> None:
    judge = _judge("last_error.reason = BROKEN")
    later = {**RED, "class": "BUG", "cause": "BROKEN", "error_attempt": "2"}

    assert judge.of(_change(S.PENDING, S.RUNNING, 1), later) is Verdict.PASS
    assert judge.of(_change(S.PENDING, S.RUNNING, 2), later) is Verdict.PASS
    assert judge.of(_change(S.RUNNING, S.RETRYING, 2, "BROKEN"), later) is Verdict.TELL
    assert judge.of(_change(S.RETRYING, S.PENDING, 2), later) is Verdict.TELL
    assert judge.of(_change(S.PENDING, S.RUNNING, 3), later) is Verdict.TELL
    assert judge.of(_change(S.RUNNING, S.RETRYING, 3, "OTHER"), later) is Verdict.REMOVE


def test_an_update_may_make_a_job_match_or_cease_to() -> None:
    judge = _judge("labels.team = red AND actor = work")

    assert judge.of_update(None) is Verdict.READ
    assert judge.of_update(RED) is Verdict.TELL
    assert judge.of_update(BLUE) is Verdict.REMOVE
    assert judge.of_update({**BLUE, "actor": "other"}) is Verdict.PASS


def test_a_deletion_is_told_unless_the_job_cannot_have_matched() -> None:
    judge = _judge("labels.team = red")

    assert judge.of_deletion(None) is Verdict.REMOVE
    assert judge.of_deletion(RED) is Verdict.REMOVE
    assert judge.of_deletion(BLUE) is Verdict.PASS
    assert isinstance(Deleted(JOB, 1, 0), Deleted)
    assert isinstance(Updated(JOB, 1, 0), Updated)


_MOVES = sorted({(state, to) for (state, _), to in TRANSITIONS.items()})
_TEXTS = [f"{sign}state = {state}" for sign, state in itertools.product(("", "-"), JobState)]


@given(
    parts=st.lists(st.sampled_from([*_TEXTS, "labels.team = red", "priority = LOW"]), min_size=1, max_size=4),
    joins=st.lists(st.sampled_from([" AND ", " OR "]), min_size=3, max_size=3),
    walk=st.lists(st.integers(0, 5), max_size=12),
    facts=st.sampled_from([RED, BLUE]),
)
def test_following_the_verdicts_a_watcher_knows_what_matches(
    parts: list[str], joins: list[str], walk: list[int], facts: dict[str, str]
) -> None:
    """Whatever way a job goes, it is among the watcher's exactly while it meets the filter."""
    text = parts[0] + "".join(join + part for join, part in zip(joins, parts[1:], strict=False))
    judge, wanted = _judge(text), parse_filter(text)
    kept = False
    state: JobState = S.PENDING
    event = _change(None, state, 0)
    for step in [*walk, 0]:
        verdict = judge.of(event)
        if verdict is Verdict.READ:
            verdict = judge.of(event, facts)
        assert verdict is not Verdict.READ
        kept = verdict is Verdict.TELL or (kept and verdict is Verdict.PASS)
        now = {**facts, "state": state.value}
        assert kept is wanted.judge(lambda field, now=now: now.get(field, "")), (text, event)  # type: ignore[misc]
        ways = [to for at, to in _MOVES if at is state and to is not state]
        if not ways:
            return
        before, state = state, ways[step % len(ways)]
        event = _change(before, state)
