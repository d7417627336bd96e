"""A label that a queue has declared finds jobs without looking at others, and older ones all the same."""

from __future__ import annotations

from typing import Final

import redis

from common.job.ids import JobId, new_job_id
from common.store import jobs, queue_settings
from common.store.jobs import Condition, Page
from common.store.record import index_name
from support.store import EPOCH_MS, Queue

HOUR_MS: Final = 3_600_000
RED: Final = index_name("label:team", "red")


def _submit(queue: Queue, at_ms: int, team: str) -> JobId:
    queue.now_ms = at_ms
    return queue.submit(job_id=new_job_id(queue.name, now_ms=at_ms), labels={"team": team})


def _look(queue: Queue, after: str = "", want: int = 50, look: int = 2_000) -> Page:
    program = [Condition("label:team", "=", "red")]
    page: Page = queue.run(
        jobs.list_jobs(queue.keys, program=program, indexes=[RED], after=after, want=want, look=look)
    )
    return page


def _all(queue: Queue, want: int, look: int) -> tuple[list[JobId], int]:
    """Return what all pages together hold, and how many jobs were looked at."""
    found: list[JobId] = []
    after, scanned = "", 0
    while True:
        page = _look(queue, after, want, look)
        found += [job.job_id for job in page.jobs]
        scanned += page.scanned
        after = page.after
        if not after:
            return found, scanned


def _declare(queue: Queue, at_ms: int, labels: str | None = "team") -> None:
    queue.run(queue_settings.configure(queue.keys, {"labels": labels}, now_ms=at_ms))


def test_jobs_of_a_declared_label_are_found_without_looking_at_others(client: redis.Redis) -> None:
    queue = Queue(client)
    _declare(queue, EPOCH_MS)
    for i in range(100):
        _submit(queue, EPOCH_MS + HOUR_MS + i, "blue")
    red = [_submit(queue, EPOCH_MS + 2 * HOUR_MS + i, "red") for i in range(5)]

    page = _look(queue)

    assert [job.job_id for job in page.jobs] == red[::-1]
    assert page.scanned == 5
    assert page.after == ""


def test_jobs_from_before_it_was_declared_are_found_one_by_one(client: redis.Redis) -> None:
    # Given jobs from long before, from shortly after, and from long after
    queue = Queue(client)
    red = []
    for hours in range(3):
        start_ms = EPOCH_MS + hours * HOUR_MS
        if hours == 1:
            _declare(queue, start_ms)
        for i in range(20):
            red.append(_submit(queue, start_ms + 10 * i, "red"))
            _submit(queue, start_ms + 10 * i + 5, "blue")

    # Then all are found once, newest first, whatever the pages are
    for want, look in ((50, 2_000), (7, 2_000), (50, 9), (3, 4), (1, 1)):
        found, _ = _all(queue, want, look)
        assert found == red[::-1], (want, look)
    _, scanned = _all(queue, 50, 2_000)
    assert scanned == 20 + 80, "the new ones by the index, the others one by one"


def test_a_label_that_was_declared_anew_has_an_index_from_then_on(client: redis.Redis) -> None:
    queue = Queue(client)
    _declare(queue, EPOCH_MS)
    first = _submit(queue, EPOCH_MS + HOUR_MS, "red")
    _declare(queue, EPOCH_MS + 2 * HOUR_MS, None)
    between = _submit(queue, EPOCH_MS + 3 * HOUR_MS, "red")
    _declare(queue, EPOCH_MS + 4 * HOUR_MS)
    last = _submit(queue, EPOCH_MS + 5 * HOUR_MS, "red")

    assert _all(queue, 50, 2_000) == ([last, between, first], 1 + 2)


def test_without_an_index_every_job_is_looked_at(client: redis.Redis) -> None:
    queue = Queue(client)
    red = _submit(queue, EPOCH_MS, "red")
    _submit(queue, EPOCH_MS + 1, "blue")

    assert _all(queue, 50, 2_000) == ([red], 2)
