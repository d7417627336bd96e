"""What counts as wrong, as tables: facts in, issues out."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

import pytest
from google.protobuf import descriptor_pool

import bothsides.jobs.v1  # noqa: F401  # registers the contract's descriptors
from monitor.facts import QueueFacts, Reading
from monitor.health import Issue, Severity, Thresholds, issues_of, unknown_of
from support.monitor_facts import NOW_MS, QUEUE, counts, facts, queue, worker

DEGRADED, UNHEALTHY, HEALTHY = Severity.DEGRADED, Severity.UNHEALTHY, Severity.HEALTHY


def outline(issues: list[Issue]) -> list[tuple[str, Severity]]:
    return [(issue.code, issue.severity) for issue in issues]


def judged(*queues: QueueFacts, **others: Any) -> list[Issue]:
    return issues_of(facts(*queues, **others), Thresholds())


def waiting(seconds: float, **differences: Any) -> QueueFacts:
    """Return a queue with 7 pending jobs, the oldest of which has waited so long."""
    return queue(pending=7, oldest_pending_ms=NOW_MS - int(seconds * 1_000), **differences)


def unattended(seconds: float) -> int:
    return NOW_MS - int(seconds * 1_000)


def test_nothing_is_wrong_with_an_idle_system() -> None:
    assert judged(queue()) == []


def test_a_system_without_queues_and_with_a_worker_is_healthy() -> None:
    assert judged() == []


def test_no_worker_at_all_degrades_even_an_idle_system() -> None:
    assert outline(judged(queue(unattended_since_ms=NOW_MS), workers=())) == [("NO_WORKERS", DEGRADED)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(queue(unattended_since_ms=unattended(900)), [], id="no work, no worker needed"),
        pytest.param(
            queue(scheduled=3, unattended_since_ms=unattended(900)), [], id="scheduled work can wait"
        ),
        pytest.param(
            waiting(5, unattended_since_ms=unattended(900)), [DEGRADED], id="new work may meet a new worker"
        ),
        pytest.param(
            waiting(900, unattended_since_ms=unattended(5)), [DEGRADED], id="a worker may be about to return"
        ),
        pytest.param(waiting(29.9, unattended_since_ms=unattended(40)), [DEGRADED], id="just within"),
        pytest.param(waiting(30, unattended_since_ms=unattended(30)), [UNHEALTHY], id="just too long"),
        pytest.param(
            queue(running=1, unattended_since_ms=unattended(5)), [DEGRADED], id="leased by a worker that left"
        ),
        pytest.param(
            queue(running=1, unattended_since_ms=unattended(30)), [UNHEALTHY], id="nobody takes it back"
        ),
        pytest.param(
            queue(retrying=1, unattended_since_ms=unattended(30)), [UNHEALTHY], id="nobody tries it again"
        ),
    ],
)
def test_a_queue_with_work_needs_a_worker(given: QueueFacts, expected: list[Severity]) -> None:
    issues = judged(given, workers=(worker(queues=("exports",)),))
    assert outline(issues) == [("QUEUE_WITHOUT_WORKERS", severity) for severity in expected]


@pytest.mark.parametrize(
    ("name", "objective_s"),
    [
        ("ai_analysis", 60),
        ("notifications", 30),
        ("data_processing", 300),
        ("exports", 300),
        ("maintenance", 3_600),
        ("somebody_elses", 300),
    ],
)
def test_a_queue_is_late_when_its_oldest_job_waits_past_its_objective(name: str, objective_s: int) -> None:
    busy = (worker(queues=(name,), running=4),)
    assert judged(waiting(objective_s, queue=name), workers=busy) == []
    assert outline(judged(waiting(objective_s + 0.001, queue=name), workers=busy)) == [
        ("BACKLOG_OLD", DEGRADED)
    ]


@pytest.mark.parametrize(
    ("given", "running", "code"),
    [
        (waiting(120), 3, "QUEUE_STALLED"),
        (waiting(119), 3, "BACKLOG_OLD"),
        (waiting(120), 4, "BACKLOG_OLD"),
        (waiting(120, started_lately=1), 3, "BACKLOG_OLD"),
    ],
    ids=["free slots, nothing starts", "not long enough", "no free slot", "something starts"],
)
def test_a_queue_is_stalled_when_free_workers_start_nothing(
    given: QueueFacts, running: int, code: str
) -> None:
    (issue,) = judged(given, workers=(worker(running=running),))
    assert issue.code == code


def test_a_worker_that_runs_as_many_of_a_queue_as_it_may_does_not_stall_it() -> None:
    one_at_a_time = worker(running=1, limits={QUEUE: 1}, running_by_queue={QUEUE: 1})

    (issue,) = judged(waiting(120, running=1), workers=(one_at_a_time,))

    assert issue.code == "BACKLOG_OLD"
    assert "1 run in 1 slots" in issue.message


def test_a_worker_that_runs_more_than_its_slots_hides_no_free_slot_of_another() -> None:
    overfull = worker(worker_id="worker-2", slots=1, running=9)
    (issue,) = judged(waiting(120), workers=(worker(running=3), overfull))
    assert issue.code == "QUEUE_STALLED"
    assert "2 workers with 1 free slot started none" in issue.message


@pytest.mark.parametrize(
    ("recent", "expected"),
    [
        (counts(), []),
        (counts(succeeded=100), []),
        (counts(succeeded=0, failed=4), []),
        (counts(succeeded=0, failed=5), [("FAILURE_RATE", DEGRADED)]),
        (counts(succeeded=20, failed=5), [("FAILURE_RATE", DEGRADED)]),
        (counts(succeeded=21, failed=5), []),
        (counts(succeeded=20, failed=5, cancelled=100, expired=100), [("FAILURE_RATE", DEGRADED)]),
        (counts(lost=1), [("WORKERS_LOST", DEGRADED)]),
        (counts(failed=5, lost=2), [("FAILURE_RATE", DEGRADED), ("WORKERS_LOST", DEGRADED)]),
    ],
    ids=lambda value: repr(dict(value.totals)) if hasattr(value, "totals") else "",
)
def test_failures_and_lost_workers_are_judged_by_the_last_minutes(
    recent: Any, expected: list[tuple[str, Severity]]
) -> None:
    assert outline(judged(queue(recent=recent))) == expected


def test_failures_long_ago_are_forgiven() -> None:
    assert judged(queue(total=counts(failed=1_000), last_hour=counts(failed=500))) == []


def test_a_pause_is_told_but_wrong_only_when_jobs_wait() -> None:
    assert outline(judged(queue(paused=True))) == [("QUEUE_PAUSED", HEALTHY)]
    assert outline(judged(waiting(1, paused=True))) == [("QUEUE_PAUSED", DEGRADED)]


def test_only_the_cause_of_waiting_is_told() -> None:
    """A paused queue without workers whose jobs are late is one issue: the pause."""
    issues = judged(waiting(9_999, paused=True, unattended_since_ms=unattended(9_999)), workers=(worker(),))
    assert outline(issues) == [("QUEUE_PAUSED", DEGRADED)]


def test_the_worst_issue_comes_first() -> None:
    late = waiting(61, queue="ai_analysis", recent=counts(failed=9))
    deserted = waiting(60, queue="exports", unattended_since_ms=unattended(60))
    issues = judged(late, deserted, workers=(worker(running=4),))
    assert [(issue.code, issue.queue) for issue in issues] == [
        ("QUEUE_WITHOUT_WORKERS", "exports"),
        ("BACKLOG_OLD", "ai_analysis"),
        ("FAILURE_RATE", "ai_analysis"),
    ]


def test_an_issue_says_its_numbers_and_the_way_out() -> None:
    (issue,) = judged(waiting(75, running=4), workers=(worker(running=4),))
    assert issue.queue == QUEUE
    assert issue.message == (
        "7 ready jobs wait, the oldest for 75 s, over the objective of 60 s; 4 run in 4 slots of 1 worker"
    )
    assert issue.recommendation == "add a worker: WORKER_QUEUES=ai_analysis python -m analysis_worker"


def test_a_queue_of_somebody_elses_actors_needs_a_worker_that_knows_them() -> None:
    (issue,) = judged(waiting(60, queue="thumbnails", unattended_since_ms=unattended(60)))
    assert "WORKER_ACTOR_MODULES=<modules of its actors> WORKER_QUEUES=thumbnails" in issue.recommendation


@pytest.mark.parametrize(
    ("age_ms", "store_away", "code"),
    [
        (0, False, None),
        (5_000, False, None),
        (5_000, True, None),
        (5_001, True, "STORE_UNREACHABLE"),
        (5_001, False, "FACTS_STALE"),
        (None, True, "STORE_UNREACHABLE"),
        (None, False, "FACTS_STALE"),
    ],
)
def test_old_facts_are_unknown_whatever_they_say(
    age_ms: int | None, store_away: bool, code: str | None
) -> None:
    found = None if age_ms is None else facts(queue())
    issue = unknown_of(Reading(found, age_ms, store_away), Thresholds())
    assert (issue and (issue.code, issue.severity)) == (code and (code, Severity.UNKNOWN))


def test_every_call_and_module_that_is_recommended_exists() -> None:
    """A recommendation that names what is not there would be worse than none."""
    everything = [
        *judged(queue(unattended_since_ms=NOW_MS), workers=()),
        *judged(waiting(60, unattended_since_ms=unattended(60), recent=counts(failed=5, lost=1))),
        *judged(waiting(60, queue="thumbnails", unattended_since_ms=unattended(60))),
        *judged(waiting(120)),
        *judged(waiting(119), workers=(worker(running=4),)),
        *judged(waiting(1, paused=True)),
    ]
    assert len({issue.code for issue in everything}) == 7
    text = " ".join(issue.recommendation for issue in everything)
    calls = re.findall(r"\b(\w+Service)\.(\w+)", text)
    assert calls
    for service, method in calls:
        descriptor = descriptor_pool.Default().FindServiceByName(f"bothsides.jobs.v1.{service}")
        assert method in descriptor.methods_by_name
    modules = set(re.findall(r"python -m (\w+)", text))
    assert modules
    assert all(find_spec(module) for module in modules)


def test_a_model_that_is_switched_off_soon_needs_a_person_before_jobs_fail() -> None:
    warning = "model small is announced to be switched off on 2027-01-14: use large"
    workers = [worker(worker_id=name, retiring=(warning,)) for name in "ab"]
    [issue] = judged(workers=(*workers, worker()))
    assert (issue.code, issue.severity, issue.message) == (
        "MODEL_RETIRING",
        DEGRADED,
        f"{warning} (2 workers)",
    )
    assert "OPENAI_MODEL" in issue.recommendation
