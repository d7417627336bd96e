"""How long jobs are kept that have ended: by number, by age, and by what they take."""

from __future__ import annotations

import pytest

from common.job.ids import JobId
from common.job.limits import KEPT
from common.job.model import Content, ErrorClass, JobError
from common.job.outcome import Fail, Outcome, Succeed
from common.job.states import JobState
from common.store import jobs, queues, stats
from common.store.operation import Client
from common.store.queues import Swept
from support.store import Queue

ERROR = JobError(ErrorClass.BUG, "TEST")
MINUTE_MS = 60_000
DAY_MS = 86_400_000
RESULT = Succeed(Content("text/plain", b"y" * 10_000))


def ended(queue: Queue, outcome: Outcome = RESULT) -> JobId:
    job_id = queue.submit()
    [lease] = queue.fetch()
    queue.finish(lease, outcome)
    return job_id


def cancelled(queue: Queue) -> JobId:
    job_id = queue.submit()
    queue.cancel(job_id)
    return job_id


def expired(queue: Queue) -> JobId:
    job_id = queue.submit(expire_ms=queue.now_ms)
    queue.fetch()
    return job_id


def kept(queue: Queue, job_ids: list[JobId]) -> list[JobId]:
    return [job_id for job_id in job_ids if queue.run(jobs.get(queue.keys, job_id)) is not None]


def sweep(queue: Queue) -> Swept:
    swept: Swept = queue.run(queues.sweep(queue.keys, now_ms=queue.now_ms))
    return swept


def held_bytes(queue: Queue) -> int:
    return int(queue.run(stats.read_stats(queue.keys, now_ms=queue.now_ms)).kept_bytes)


@pytest.mark.parametrize("state", KEPT)
def test_by_default_the_last_stay_however_old_and_the_young_however_many(
    client: Client, state: JobState
) -> None:
    queue = Queue(client)  # type: ignore[arg-type]  # a cluster's does as well
    least, length_ms = KEPT[state]
    ends = {
        JobState.SUCCEEDED: lambda: ended(queue),
        JobState.FAILED: lambda: ended(queue, Fail(ERROR)),
        JobState.CANCELLED: lambda: cancelled(queue),
        JobState.EXPIRED: lambda: expired(queue),
    }
    made = [ends[state]() for _ in range(least + 3)]
    queue.now_ms += length_ms - 1
    sweep(queue)
    assert kept(queue, made) == made
    queue.now_ms += 1
    assert sweep(queue).removed == 3
    assert kept(queue, made) == made[3:]
    queue.now_ms += 10 * length_ms
    assert sweep(queue).removed == 0


def test_settings_of_one_state_leave_the_others_as_they_are(client: Client) -> None:
    queue = Queue(client)  # type: ignore[arg-type]
    queue.configure(**{"keep:SUCCEEDED": f"1/{MINUTE_MS}"})
    succeeded = [ended(queue) for _ in range(3)]
    failed = [ended(queue, Fail(ERROR)) for _ in range(3)]
    queue.now_ms += MINUTE_MS
    sweep(queue)
    assert kept(queue, succeeded + failed) == succeeded[2:] + failed


def test_of_a_rule_either_half_may_be_as_by_default(client: Client) -> None:
    queue = Queue(client)  # type: ignore[arg-type]
    queue.configure(**{"keep:SUCCEEDED": "1/"})
    made = [ended(queue) for _ in range(3)]
    queue.now_ms += DAY_MS - 1
    sweep(queue)
    assert kept(queue, made) == made
    queue.configure(**{"keep:SUCCEEDED": f"/{MINUTE_MS}"})
    sweep(queue)
    assert kept(queue, made) == made
    queue.configure(**{"keep:SUCCEEDED": f"1/{MINUTE_MS}"})
    sweep(queue)
    assert kept(queue, made) == made[2:]


def test_ends_remove_what_is_old_without_a_sweep(client: Client) -> None:
    queue = Queue(client)  # type: ignore[arg-type]
    queue.configure(**{"keep:SUCCEEDED": f"0/{MINUTE_MS}"})
    first = ended(queue)
    queue.now_ms += MINUTE_MS
    second = ended(queue)
    assert kept(queue, [first, second]) == [second]


def test_without_a_budget_nothing_is_measured(client: Client) -> None:
    queue = Queue(client)  # type: ignore[arg-type]
    ended(queue)
    assert sweep(queue) == Swept(None, 0, more=False)
    assert held_bytes(queue) == 0


def test_what_is_measured_is_what_jobs_take(client: Client) -> None:
    queue = Queue(client)  # type: ignore[arg-type]
    queue.configure(memory=str(2**30))
    first = ended(queue)
    sweep(queue)
    one = held_bytes(queue)
    assert 10_000 < one < 15_000
    ended(queue)
    sweep(queue)
    sweep(queue)
    both = held_bytes(queue)
    # What an allocator hands out for the same job is not always the same.
    assert both - one == pytest.approx(one, rel=0.05)
    queue.delete(first)
    assert held_bytes(queue) == both - one


def test_a_job_that_starts_anew_takes_nothing_until_it_ends_again(client: Client) -> None:
    queue = Queue(client)  # type: ignore[arg-type]
    queue.configure(memory=str(2**30))
    job_id = ended(queue, Fail(ERROR))
    sweep(queue)
    assert held_bytes(queue) > 0
    queue.retry(job_id)
    assert held_bytes(queue) == 0
    [lease] = queue.fetch()
    queue.finish(lease, RESULT)
    sweep(queue)
    assert held_bytes(queue) > 10_000


def test_a_budget_that_comes_late_measures_all_bit_by_bit(client: Client) -> None:
    queue = Queue(client)  # type: ignore[arg-type]
    queue.submit_all([queue.request() for _ in range(700)])
    while leases := queue.fetch(100):
        for lease in leases:
            queue.finish(lease, Succeed())
        queue.now_ms += 1
    queue.configure(memory=str(2**30))
    assert [sweep(queue).more for _ in range(3)] == [True, True, False]
    held = held_bytes(queue)
    queue.configure(memory=None)
    assert queue.run(queues.flush(queue.keys)) == 0
    assert held > 700 * 400
    assert held_bytes(queue) == 0


def test_over_budget_the_oldest_go_succeeded_ones_first(client: Client) -> None:
    queue = Queue(client)  # type: ignore[arg-type]
    queue.configure(
        **{"memory": "1", "keep:SUCCEEDED": "1/", "keep:FAILED": "2/", "keep:CANCELLED": "0/"},
    )
    failed = [ended(queue, Fail(ERROR)) for _ in range(3)]
    succeeded = [ended(queue) for _ in range(3)]
    stopped = [cancelled(queue) for _ in range(2)]
    # What has just ended is spared: someone may be about to read it.
    assert sweep(queue).removed == 0
    queue.now_ms += 10_000
    sweep(queue)
    assert kept(queue, failed + succeeded + stopped) == failed[1:] + succeeded[2:]


def test_a_budget_is_kept_by_as_few_as_will_do(client: Client) -> None:
    queue = Queue(client)  # type: ignore[arg-type]
    queue.configure(**{"memory": "100000", "keep:SUCCEEDED": "0/"})
    made = [ended(queue) for _ in range(20)]
    queue.now_ms += 10_000
    swept = sweep(queue)
    assert kept(queue, made) == made[swept.removed :]
    each = held_bytes(queue) / (20 - swept.removed)
    assert 100_000 - 1.1 * each < held_bytes(queue) <= 100_000


def test_a_short_server_leaves_no_more_than_a_queue_is_set_to_keep(client: Client) -> None:
    queue = Queue(client)  # type: ignore[arg-type]
    made = [ended(queue) for _ in range(5)]
    shed = queues.sweep(queue.keys, shed=10, now_ms=queue.now_ms)
    assert queue.run(shed).removed == 0
    queue.configure(**{"keep:SUCCEEDED": "2/"})
    assert queue.run(shed).removed == 3
    assert kept(queue, made) == made[3:]
