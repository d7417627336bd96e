"""The order of blockers, and what an estimate makes of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from common.job.priority import Priority
from common.job.states import JobState
from common.store.jobs import Blocker, BlockerKind, Explanation
from common.store.workers import Room, WorkerReport, room_of
from scheduler.explaining import WorkerBlocker, WorkerBlockerKind, estimate, in_order
from scheduler.start_estimate import Pace
from scheduler.wire.explanations import GIVEN_BACK

ERRORS = Path(__file__).parents[3] / "docs" / "errors.md"
K, W = BlockerKind, WorkerBlockerKind
NOW = 1_800_000_000_000
#: A start a second.
PACE = Pace(60, 60_000)


def _blocker(kind: BlockerKind, value: float | None = None, *, clears_ms: int | None = None) -> Blocker:
    return Blocker(kind, value, None, clears_ms, "")


def _facts(
    *blockers: Blocker,
    ahead: int = 0,
    ready: int = 1,
    tenants: int = 1,
    leased: int = 0,
    worker_concurrency: int | None = None,
) -> Explanation:
    return Explanation(
        *(JobState.PENDING, NOW, ahead, ready, tenants, Priority.NORMAL, leased, worker_concurrency, blockers)
    )


def _worker(slots: int, running: int = 0, *, of_queue: int = 0, limit: int | None = None) -> WorkerReport:
    """A worker of queue `q`: `running` jobs, `of_queue` of them its own, of which it runs at most `limit`."""
    return WorkerReport(
        *("w", "host", 1, "1", ("q",), slots, running),
        started_ms=1,
        limits={} if limit is None else {"q": limit},
        running_by_queue={"q": of_queue},
    )


def _ordered(facts: Explanation, *workers: WorkerReport) -> list[Blocker | WorkerBlocker]:
    return in_order(facts, workers, _room(facts, *workers))


def _room(facts: Explanation, *workers: WorkerReport) -> Room:
    return room_of(workers, "q", leased=facts.leased, most=facts.worker_concurrency)


def _wait_s(facts: Explanation, *workers: WorkerReport) -> float | None:
    """Return the median of the estimated wait."""
    found = estimate(facts, _ordered(facts, *workers), _room(facts, *workers), PACE)
    return None if found is None else (found.p50_ms - NOW) / 1_000


@pytest.mark.parametrize(
    "own", [K.RUN_TIME, K.BACKOFF, K.SNOOZED, K.SUSPECT, K.RETRY_BUDGET, K.PAUSED, K.CIRCUIT, K.BUDGET]
)
@pytest.mark.parametrize("limit", [K.CONCURRENCY, K.RAMP, K.WINDOW, K.TENANT_WINDOW, K.AHEAD_IN_QUEUE])
def test_missing_workers_stand_between_the_jobs_own_and_the_limits(
    own: BlockerKind, limit: BlockerKind
) -> None:
    ordered = _ordered(_facts(_blocker(own), _blocker(limit)))

    assert [blocker.kind for blocker in ordered] == [own, W.NO_WORKERS, limit]


def test_busy_workers_stand_before_the_turns_of_others() -> None:
    facts = _facts(_blocker(K.WINDOW), _blocker(K.TENANT_SHARE, 2), _blocker(K.AHEAD_IN_QUEUE, 4))

    ordered = _ordered(facts, _worker(2, running=2))

    assert [blocker.kind for blocker in ordered] == [
        K.WINDOW,
        W.WORKERS_BUSY,
        K.TENANT_SHARE,
        K.AHEAD_IN_QUEUE,
    ]


def test_busy_workers_are_no_matter_while_the_job_may_not_start_anyway() -> None:
    facts = _facts(_blocker(K.BACKOFF, clears_ms=NOW + 1_000))

    assert [blocker.kind for blocker in _ordered(facts, _worker(1, running=1))] == [K.BACKOFF]


@pytest.mark.parametrize("reported", [0, 3])
def test_workers_that_run_as_many_of_the_queue_as_they_may_are_named_by_that_limit(reported: int) -> None:
    """The store's own count holds where the last report is some seconds old."""
    facts = _facts(_blocker(K.AHEAD_IN_QUEUE, 1), leased=3)

    limit, ahead = _ordered(facts, _worker(8, running=reported, of_queue=reported, limit=3))

    assert limit == WorkerBlocker(W.WORKER_CONCURRENCY, 3, 3)
    assert ahead.kind is K.AHEAD_IN_QUEUE
    assert _wait_s(facts, _worker(8, running=3, of_queue=3, limit=3)) != 0


def test_a_limit_in_the_queues_settings_goes_before_the_workers_own() -> None:
    worker = _worker(8, running=2, of_queue=2, limit=5)

    assert _ordered(_facts(leased=2, worker_concurrency=2), worker) == [
        WorkerBlocker(W.WORKER_CONCURRENCY, 2, 2)
    ]
    assert _ordered(_facts(leased=2), worker) == []


def test_a_worker_that_is_full_of_other_queues_jobs_has_no_slot_left() -> None:
    elsewhere = _worker(4, running=4, of_queue=0, limit=2)

    assert [each.kind for each in _ordered(_facts(), elsewhere)] == [W.WORKERS_BUSY]


def test_what_a_worker_has_begun_since_its_report_is_no_free_slot() -> None:
    assert [each.kind for each in _ordered(_facts(leased=2), _worker(2))] == [W.WORKERS_BUSY]
    assert _ordered(_facts(leased=1), _worker(2)) == []


def test_free_slots_take_the_jobs_ahead_first() -> None:
    assert _wait_s(_facts(ahead=2, ready=3), _worker(4, running=1)) == 0
    assert _wait_s(_facts(ahead=3, ready=4), _worker(4, running=1)) == pytest.approx(2 / 3, rel=0.01)


def test_every_tenant_in_line_takes_a_turn_for_each_job_ahead() -> None:
    busy = _worker(1, running=1)

    alone = _wait_s(_facts(ahead=20, ready=500, tenants=1), busy)
    shared = _wait_s(_facts(ahead=20, ready=500, tenants=4), busy)

    assert alone == pytest.approx(21, rel=0.03)
    assert shared == pytest.approx(81, rel=0.03)


def test_no_more_jobs_go_first_than_there_are() -> None:
    assert _wait_s(_facts(ahead=20, ready=30, tenants=9), _worker(1, running=1)) == pytest.approx(
        30, rel=0.03
    )


def test_a_limit_that_clears_at_a_known_time_is_waited_for() -> None:
    facts = _facts(_blocker(K.WINDOW, clears_ms=NOW + 45_000))

    assert _wait_s(facts, _worker(10)) == 45


def test_a_backlog_is_gone_by_the_time_of_a_job_that_is_due_much_later() -> None:
    facts = _facts(_blocker(K.RUN_TIME, clears_ms=NOW + 3_600_000), ready=1_000)

    assert _wait_s(facts, _worker(1)) == 3_600


def test_a_backlog_is_shorter_by_the_time_of_a_job_that_is_due_soon() -> None:
    facts = _facts(_blocker(K.RUN_TIME, clears_ms=NOW + 60_000), ready=100)

    assert _wait_s(facts, _worker(1, running=1)) == pytest.approx(60 + 41, rel=0.03)


@pytest.mark.parametrize("kind", [K.PAUSED, K.SUSPECT])
def test_what_has_no_known_end_leaves_nothing_to_estimate(kind: BlockerKind) -> None:
    assert _wait_s(_facts(_blocker(kind)), _worker(10)) is None


@pytest.mark.parametrize("reason", ["UNKNOWN_ACTOR", "NEWER_SPEC", "NEWER_RECORD"])
def test_a_job_that_waits_for_other_workers_starts_nobody_knows_when(reason: str) -> None:
    """It is taken again at a known time, and given back again as long as there are the same workers."""
    soon = NOW + 10_000

    assert _wait_s(_facts(Blocker(K.SNOOZED, None, None, soon, reason)), _worker(10)) is None
    assert _wait_s(_facts(Blocker(K.SNOOZED, None, None, soon, "RATE_LIMITED")), _worker(10)) == 10


def test_every_documented_reason_of_a_snooze_has_words_with_the_way_out() -> None:
    rows = re.findall(r"^\| (`[A-Z_`, ]+) \|[^|]*\| `SNOOZED` \|", ERRORS.read_text(), flags=re.M)
    documented = {reason for row in rows for reason in re.findall(r"[A-Z_]+", row)}

    assert documented == set(GIVEN_BACK)


def test_without_workers_there_is_nothing_to_estimate() -> None:
    assert _wait_s(_facts()) is None
