"""Batches in the store: what becomes of members reaches them once, however often it is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis

from common.job.batch import BatchState, Counts, FailurePolicy, Halt, Terms
from common.job.model import ErrorClass, JobError, PaidUsage, Usage
from common.job.outcome import Fail, Outcome, Retry, Succeed
from common.job.states import JobState
from common.store import batches, jobs, queues
from common.store.batches import Again, NothingToDo, Send, Stop
from common.store.keys import batch_keys
from support.batches import BareBatch
from support.store import Queue

BROKEN = JobError(ErrorClass.BUG, "BROKEN")
PAID = PaidUsage(calls=2, input_tokens=100, output_tokens=10, cost_micro_usd=500)


@pytest.fixture
def queue(client: redis.Redis) -> Queue:
    return Queue(client)


@pytest.fixture
def batch(queue: Queue) -> BareBatch:
    return BareBatch(queue)


def members(queue: Queue) -> int:
    return int(queue.client.hlen(f"{queue.keys.prefix}members"))


def test_a_batch_ends_with_its_last_member(batch: BareBatch, queue: Queue) -> None:
    batch.create(3)
    assert batch.read().counts == Counts(unsubmitted=3)

    batch.go_on()
    assert batch.read().counts == Counts(live=3)
    assert members(queue) == 3

    for lease in queue.fetch(2):
        queue.finish(lease, Succeed())
    batch.go_on()
    assert batch.read().state is BatchState.RUNNING
    assert batch.read().fraction == pytest.approx(2 / 3)

    [last] = queue.fetch(1)
    queue.now_ms += 5_000
    queue.finish(last, Succeed())
    batch.go_on()
    assert batch.read().state is BatchState.SUCCEEDED
    assert batch.read().ended_ms == queue.now_ms
    assert batch.read().counts == Counts(succeeded=3)
    assert members(queue) == 0


def test_members_are_submitted_in_chunks_and_known_by_their_batch(batch: BareBatch, queue: Queue) -> None:
    batch.create(250)
    step = batch.look()
    assert isinstance(step, Send)
    assert len(step.requests) == 100

    step = batch.send(step)

    assert isinstance(step, Send)
    assert batch.read().counts == Counts(unsubmitted=150, live=100)
    batch.go_on()
    found = queue.run(
        jobs.list_jobs(
            queue.keys, tenant="default", program=(jobs.Condition("batch", "=", "batch-1"),), want=500
        )
    )
    assert len(found.jobs) == 250


def test_a_chunk_that_was_submitted_and_not_noted_is_submitted_once(batch: BareBatch, queue: Queue) -> None:
    batch.create(2)
    step = batch.look()
    assert isinstance(step, Send)
    batch.submit(step)
    [lease] = queue.fetch(1)
    queue.finish(lease, Succeed())
    batch.hear()

    # Whoever submitted has died; another does it again.
    queue.now_ms += 20_000
    assert batch.due
    batch.go_on()

    assert batch.read().counts == Counts(live=1, succeeded=1)
    assert len(queue.fetch(10)) == 1


def end(queue: Queue, lease: jobs.Lease, outcome: Outcome, paid: PaidUsage | None = None) -> None:
    """End an attempt that paid something."""
    ending = jobs.Ending(lease.member, outcome, Usage(paid=paid) if paid else None)
    queue.run(jobs.finish(queue.keys, [ending], now_ms=queue.now_ms))


def test_a_move_that_is_told_twice_counts_once(batch: BareBatch, queue: Queue) -> None:
    batch.create(2)
    batch.go_on()
    [lease] = queue.fetch(1)
    end(queue, lease, Succeed(), PAID)
    batch.hear(remove=False)
    batch.hear(remove=False)
    batch.hear()

    assert batch.read().counts == Counts(live=1, succeeded=1)
    assert batch.read().paid == PAID
    assert queue.client.exists(queue.keys.ends) == 0


def test_what_all_attempts_of_all_members_paid_is_summed(batch: BareBatch, queue: Queue) -> None:
    batch.create(2, Terms(failures=FailurePolicy(tolerance=1)))
    batch.go_on()
    one, other = queue.fetch(2)
    end(queue, one, Retry(BROKEN, 0), PAID)
    end(queue, other, Fail(BROKEN), PAID)
    batch.go_on()
    assert batch.read().paid == replace(
        PAID, wasted_micro_usd=500
    )  # an attempt that is retried is not an end

    [one] = queue.fetch(1)
    end(queue, one, Succeed(), PAID)
    batch.go_on()
    assert batch.read().paid == replace(PAID + PAID + PAID, wasted_micro_usd=1_000)

    queue.run(batches.retry_members(queue.namespace, "default", "batch-1", "F", now_ms=queue.now_ms))
    batch.go_on()
    [other] = queue.fetch(1)
    end(queue, other, Succeed(), PAID)
    batch.go_on()
    assert batch.read().paid == replace(PAID + PAID + PAID + PAID, wasted_micro_usd=1_000)
    assert batch.read().counts == Counts(succeeded=2)


def test_a_batch_hears_what_is_learnt_of_a_members_cost_after_its_end(batch: BareBatch, queue: Queue) -> None:
    batch.create(1, Terms(failures=FailurePolicy(tolerance=1)))
    batch.go_on()
    [lease] = queue.fetch(1)
    end(queue, lease, Fail(BROKEN), PAID)
    batch.go_on()
    dearer = replace(PAID, cost_micro_usd=900, wasted_micro_usd=900)
    queue.run(jobs.take_accounts(queue.keys, 1, now_ms=queue.now_ms))

    # While the member waits to be retried
    queue.run(batches.retry_members(queue.namespace, "default", "batch-1", "F", now_ms=queue.now_ms))
    settled = jobs.Settled(lease.member, dearer)
    assert queue.run(jobs.settle_accounts(queue.keys, [settled], now_ms=queue.now_ms)) == 1
    batch.hear()
    assert batch.read().paid == dearer
    assert batch.read().counts.failed == 0

    # It is retried all the same
    batch.go_on()
    [lease] = queue.fetch(1)
    end(queue, lease, Succeed(), PAID)
    batch.go_on()
    assert batch.read().paid == dearer + PAID
    assert batch.read().counts == Counts(succeeded=1)


def test_a_batch_has_failed_if_more_members_failed_than_may(batch: BareBatch, queue: Queue) -> None:
    batch.create(10, Terms(failures=FailurePolicy(tolerance=0.2, stops=False)))
    batch.go_on()
    leases = queue.fetch(10)
    for lease in leases[:3]:
        queue.finish(lease, Fail(BROKEN))
    batch.go_on()
    assert batch.read().state is BatchState.RUNNING

    for lease in leases[3:]:
        queue.finish(lease, Succeed())
    batch.go_on()
    assert batch.read().state is BatchState.FAILED
    assert batch.read().counts == Counts(succeeded=7, failed=3)


def test_as_many_as_may_fail_do_not_fail_a_batch(batch: BareBatch, queue: Queue) -> None:
    batch.create(10, Terms(failures=FailurePolicy(tolerance=0.2)))
    batch.go_on()
    leases = queue.fetch(10)
    for lease in leases[:2]:
        queue.finish(lease, Fail(BROKEN))
    for lease in leases[2:]:
        queue.finish(lease, Succeed())
    batch.go_on()
    assert batch.read().state is BatchState.SUCCEEDED


@pytest.mark.parametrize("policy", [FailurePolicy(tolerance=0.1), FailurePolicy(1, most_failed=20)])
def test_a_batch_stops_when_more_failed_than_may(
    batch: BareBatch, queue: Queue, policy: FailurePolicy
) -> None:
    batch.create(200, Terms(failures=policy, parallel=50))
    batch.go_on()
    leases = queue.fetch(30)
    for lease in leases[:21]:
        queue.finish(lease, Fail(BROKEN))
    batch.go_on()
    # Nothing is submitted any more, what waited is cancelled, and what runs goes on.
    assert batch.read().state is BatchState.CANCELLING
    assert batch.read().halt is Halt.FAILURES
    assert batch.read().counts == Counts(unsubmitted=150, live=9, failed=21, cancelled=20)

    for lease in leases[21:]:
        queue.finish(lease, Succeed())
    batch.go_on()
    assert batch.read().state is BatchState.FAILED
    assert batch.read().counts == Counts(unsubmitted=150, succeeded=9, failed=21, cancelled=20)


def test_cancelling_a_batch_stops_what_waits_and_what_runs(batch: BareBatch, queue: Queue) -> None:
    batch.create(150, Terms(parallel=120))
    batch.go_on()
    running = queue.fetch(3)

    queue.run(batches.halt_batch(queue.namespace, "default", "batch-1", now_ms=queue.now_ms))
    assert batch.due
    batch.go_on()

    assert batch.read().state is BatchState.CANCELLING
    assert batch.read().counts == Counts(unsubmitted=30, live=3, cancelled=117)
    for lease in running:
        assert queue.finish(lease, Succeed()) is JobState.SUCCEEDED
    batch.go_on()
    assert batch.read().state is BatchState.CANCELLED
    assert queue.fetch(10) == []


def test_no_more_members_are_at_once_than_may(batch: BareBatch, queue: Queue) -> None:
    batch.create(7, Terms(parallel=3))
    seen = 0
    while batch.read().state is BatchState.RUNNING:
        batch.go_on()
        leases = queue.fetch(10)
        assert len(leases) <= 3
        assert batch.read().counts.live == len(leases)
        seen += len(leases)
        for lease in leases:
            queue.finish(lease, Succeed())
        queue.now_ms += 1
        batch.hear()
        assert batch.due or batch.read().state.is_final
    assert seen == 7


def test_failed_members_are_retried_and_what_was_never_submitted_is_submitted(
    batch: BareBatch, queue: Queue
) -> None:
    batch.create(6, Terms(parallel=4, failures=FailurePolicy(most_failed=1)))
    batch.go_on()
    one, two, *_ = queue.fetch(2)
    queue.finish(one, Fail(BROKEN))
    queue.finish(two, Fail(BROKEN))
    batch.go_on()
    assert batch.read().state is BatchState.FAILED
    assert batch.read().counts == Counts(unsubmitted=2, failed=2, cancelled=2)

    code, count = queue.run(
        batches.retry_members(queue.namespace, "default", "batch-1", "FXC", now_ms=queue.now_ms)
    )
    assert (code, count) == (1, "6")
    assert batch.read().state is BatchState.RUNNING
    assert batch.read().counts == Counts(unsubmitted=2, retrying=4)
    batch.go_on()
    assert batch.read().counts == Counts(unsubmitted=2, live=4)
    while leases := queue.fetch(4):
        for lease in leases:
            queue.finish(lease, Succeed())
        batch.go_on()
    assert batch.read().state is BatchState.SUCCEEDED
    assert batch.read().counts == Counts(succeeded=6)


def test_a_retry_that_is_cut_off_between_retrying_and_noting_retries_once(
    batch: BareBatch, queue: Queue
) -> None:
    batch.create(1, Terms(failures=FailurePolicy(1)))
    batch.go_on()
    [lease] = queue.fetch(1)
    queue.finish(lease, Fail(BROKEN))
    batch.go_on()
    queue.run(batches.retry_members(queue.namespace, "default", "batch-1", "F", now_ms=queue.now_ms))
    step = batch.look()
    assert isinstance(step, Again)
    [(job_id, kept)] = step.members
    queue.run(jobs.retry(queue.keys, job_id, tenant="default", now_ms=queue.now_ms))
    [lease] = queue.fetch(1)
    queue.finish(lease, Succeed())
    batch.hear()

    again = batch.look()
    assert again == Again(((job_id, kept),)) or isinstance(again, NothingToDo)
    batch.go_on()
    assert batch.read().counts == Counts(succeeded=1)
    assert queue.fetch(1) == []


def test_a_member_that_is_retried_by_itself_takes_its_batch_along(batch: BareBatch, queue: Queue) -> None:
    batch.create(1)
    batch.go_on()
    [lease] = queue.fetch(1)
    queue.finish(lease, Fail(BROKEN))
    batch.go_on()
    assert batch.read().state is BatchState.FAILED

    queue.run(jobs.retry(queue.keys, lease.job_id, tenant="default", now_ms=queue.now_ms))
    batch.go_on()
    assert batch.read().state is BatchState.RUNNING
    [lease] = queue.fetch(1)
    queue.finish(lease, Succeed())
    batch.go_on()
    assert batch.read().state is BatchState.SUCCEEDED


def test_members_that_are_cancelled_or_expire_are_told(batch: BareBatch, queue: Queue) -> None:
    batch.create(2, Terms(failures=FailurePolicy(1)))
    batch.requests = [replace(each, ttl_ms=1_000) for each in batch.requests]
    step = batch.look()
    assert isinstance(step, Send)
    batch.send(replace(step, requests=tuple(replace(each, ttl_ms=1_000) for each in step.requests)))
    first = batch.requests[0].job_id
    queue.run(jobs.cancel(queue.keys, first, tenant="default", now_ms=queue.now_ms))
    queue.now_ms += 2_000
    assert queue.run(queues.sweep(queue.keys, now_ms=queue.now_ms)).told
    batch.go_on()
    assert batch.read().counts == Counts(cancelled=1, expired=1)
    assert batch.read().state is BatchState.SUCCEEDED


def test_members_live_as_long_as_their_batch(batch: BareBatch, queue: Queue) -> None:
    batch.create(150)
    batch.go_on()
    for lease in queue.fetch(150):
        queue.finish(lease, Succeed())
    batch.go_on()
    plain = queue.submit()
    # Longer than any other job is kept, but for the last hundred.
    queue.now_ms += 6 * 86_400_000
    for _ in range(3):
        queue.run(queues.sweep(queue.keys, now_ms=queue.now_ms))
    assert len(found(queue)) == 151

    queue.now_ms += 2 * 86_400_000
    assert batch.due
    batch.go_on()
    assert found(queue) == [plain]
    assert queue.run(batches.get_batch(queue.namespace, "default", "batch-1")) is None
    assert not [key for key in queue.client.keys(batch_keys("test").prefix + "*") if b"batch-1" in key]


def found(queue: Queue) -> list[str]:
    page = queue.run(jobs.list_jobs(queue.keys, tenant="default", program=(), want=500))
    return [job.job_id for job in page.jobs]


def test_a_member_can_be_deleted_when_it_has_ended(batch: BareBatch, queue: Queue) -> None:
    batch.create(1)
    batch.go_on()
    job_id = batch.requests[0].job_id
    assert not queue.run(jobs.delete(queue.keys, job_id, tenant="default")).done
    [lease] = queue.fetch(1)
    queue.finish(lease, Succeed())
    assert queue.run(jobs.delete(queue.keys, job_id, tenant="default")).done
    batch.go_on()
    assert batch.read().counts == Counts(succeeded=1)


def test_an_end_that_no_batch_was_told_of_is_found_by_a_sweep(batch: BareBatch, queue: Queue) -> None:
    batch.create(1)
    batch.go_on()
    [lease] = queue.fetch(1)
    # As an older worker ends it: its scripts know no members.
    queue.client.rename(f"{queue.keys.prefix}members", "aside")
    queue.finish(lease, Succeed())
    queue.client.rename("aside", f"{queue.keys.prefix}members")
    batch.go_on()
    assert batch.read().state is BatchState.RUNNING

    assert queue.run(queues.sweep(queue.keys, now_ms=queue.now_ms)).told
    batch.go_on()
    assert batch.read().state is BatchState.SUCCEEDED


def test_an_open_batch_takes_more_members_and_ends_once_it_is_closed(batch: BareBatch, queue: Queue) -> None:
    batch.create(1, is_open=True)
    batch.go_on()
    [lease] = queue.fetch(1)
    queue.finish(lease, Succeed())
    batch.go_on()
    assert batch.read().state is BatchState.RUNNING

    assert batch.add(1, is_open=False, request_id="r2", digest="d") == batches.Added("batch-1")
    assert batch.add(1, is_open=False, request_id="r2", digest="d") == batches.Repeated("batch-1")
    assert batch.add(1, is_open=False, request_id="r2", digest="e") == batches.Reused("batch-1")
    assert batch.add(1, is_open=False) == batches.Closed("RUNNING")
    batch.go_on()
    [lease] = queue.fetch(5)
    queue.finish(lease, Succeed())
    batch.go_on()
    assert batch.read().state is BatchState.SUCCEEDED
    assert batch.read().total == 2


def test_the_same_request_makes_one_batch(batch: BareBatch, queue: Queue) -> None:
    assert batch.create(2, request_id="r", digest="d") == batches.Added("batch-1")
    other = BareBatch(queue, "batch-2")
    assert other.create(2, request_id="r", digest="d") == batches.Repeated("batch-1")
    assert other.create(3, request_id="r", digest="e") == batches.Reused("batch-1")
    assert BareBatch(queue, "batch-2", tenant="acme").create(2, request_id="r", digest="d") == batches.Added(
        "batch-2"
    )


def test_a_batch_has_no_more_members_than_it_may(batch: BareBatch) -> None:
    assert batch.create(10_001) == batches.TooMany(0)
    assert batch.create(10_000) == batches.Added("batch-1")
    assert batch.read().total == 10_000


def test_what_batches_are_to_hear_is_read_by_one_at_a_time(batch: BareBatch, queue: Queue) -> None:
    batch.create(1)
    batch.go_on()
    taken = queue.run(batches.take_moves(queue.keys, "another"))
    assert not taken.mine


def test_members_that_run_are_counted(batch: BareBatch, queue: Queue) -> None:
    batch.create(5)
    batch.go_on()
    queue.submit()
    queue.fetch(4)
    names = [("default", "batch-1"), ("default", "batch-2")]
    assert queue.run(batches.count_running(queue.keys, names)) == [4, 0]


def test_a_step_that_is_held_is_tried_again_later(batch: BareBatch, queue: Queue) -> None:
    batch.create(1)
    held = batches.Held("QUEUE_FULL ai_analysis", 2_000)
    queue.run(batches.note_held(queue.namespace, "default", "batch-1", held, now_ms=queue.now_ms))
    assert batch.read().held == "QUEUE_FULL ai_analysis"
    assert not batch.due
    queue.now_ms += 2_000
    assert batch.due
    batch.go_on()
    assert batch.read().held == ""


def test_batches_are_listed_newest_first(queue: Queue) -> None:
    for name in ("batch-1", "batch-2", "batch-3"):
        BareBatch(queue, name).create(1)
    page = queue.run(batches.list_batches(queue.namespace, "default", after="", want=2))
    assert [each.batch_id for each in page] == ["batch-3", "batch-2"]
    page = queue.run(batches.list_batches(queue.namespace, "default", after="batch-2", want=2))
    assert [each.batch_id for each in page] == ["batch-1"]
    assert queue.run(batches.list_batches(queue.namespace, "acme", after="", want=2)) == []


def test_a_stop_step_names_the_queues(batch: BareBatch, queue: Queue) -> None:
    batch.create(1)
    queue.run(batches.halt_batch(queue.namespace, "default", "batch-1", now_ms=queue.now_ms))
    assert batch.look() == Stop(running=True, queues=("ai_analysis",))


def test_members_are_taken_out_of_a_plan_wherever_they_stand(batch: BareBatch, queue: Queue) -> None:
    batch.create(250, Terms(parallel=5))
    batch.go_on()
    gone = {request.job_id for request in batch.requests[::7]}
    skip = forgotten = 0
    while page := queue.run(batches.read_plan(queue.namespace, "default", "batch-1", skip=skip)):
        for planned in page:
            mine = [request.job_id for request in planned.requests if request.job_id in gone]
            if mine:
                operation = batches.forget_planned(
                    queue.namespace, "default", "batch-1", planned, mine, now_ms=queue.now_ms
                )
                forgotten += queue.run(operation)
                assert queue.run(operation) == 0
        skip += len(page)
    # One of them was submitted already.
    assert forgotten == len(gone) - 1
    assert batch.read().counts == Counts(unsubmitted=245 - forgotten, live=5, cancelled=forgotten)
    seen = set()
    while leases := queue.fetch(5):
        seen |= {lease.job_id for lease in leases}
        for lease in leases:
            queue.finish(lease, Succeed())
        batch.go_on()
    assert len(seen) == 250 - forgotten
    assert len(seen & gone) == 1
    assert batch.read().state is BatchState.SUCCEEDED
