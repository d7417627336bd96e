"""What paid calls cost, from the attempt's account to the job's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis

from analysis_worker.paid.accounting import AccountedCalls
from analysis_worker.paid.port import Answer, Call, Reply
from analysis_worker.paid.port import Usage as Used
from common.broker.meter import Meter
from common.job.model import ErrorClass, JobError, PaidUsage, Usage
from common.job.outcome import Fail, Outcome, Release, Retry, Succeed
from common.store import jobs, queues
from common.store.provider.budgets import close_attempt, read_budgets, reserve_budget, settle_budget
from support.store import Queue

ERROR = JobError(ErrorClass.TRANSIENT, "AWAY")
PAID = PaidUsage(2, 1, 3_000, 100, 400, 70, 30, doubtful_calls=1)


def end(queue: Queue, outcome: Outcome, paid: PaidUsage | None = PAID) -> None:
    [lease] = queue.fetch()
    ending = jobs.Ending(lease.member, outcome, Usage(5, None, paid))
    queue.run(jobs.finish(queue.keys, [ending], now_ms=queue.now_ms))


def test_a_job_pays_for_all_its_attempts_and_wasted_those_that_failed(client: redis.Redis) -> None:
    queue = Queue(client)
    job_id = queue.submit()
    end(queue, Release(0, "TOKEN_LIMIT"))
    end(queue, Retry(ERROR, 0))
    end(queue, Succeed(), None)
    job = queue.job(job_id)
    assert job.paid == PaidUsage(4, 2, 6_000, 200, 800, 140, 60, 70, 2)
    assert job.usage == Usage(5, None, None)


def test_a_job_that_is_retried_later_keeps_its_account(client: redis.Redis) -> None:
    queue = Queue(client)
    job_id = queue.submit()
    end(queue, Fail(ERROR))
    assert queue.retry(job_id).done
    end(queue, Succeed())
    paid = queue.job(job_id).paid
    assert paid is not None
    assert (paid.cost_micro_usd, paid.wasted_micro_usd) == (140, 70)


def test_a_job_without_paid_calls_has_no_account(client: redis.Redis) -> None:
    queue = Queue(client)
    job_id = queue.submit()
    end(queue, Succeed(), None)
    assert queue.job(job_id).paid is None


BOOKS = {
    "calls": 2,
    "reused_calls": 1,
    "input_tokens": 3_000,
    "cached_tokens": 100,
    "output_tokens": 400,
    "saved": 30,
}


def book(queue: Queue, attempt: str, token: str, cost: int, counts: Mapping[str, int]) -> None:
    """Reserve a call, and settle it if there is something to count, as the gate does."""
    of_it: dict[str, Any] = {"attempt": attempt, "now_ms": queue.now_ms}
    queue.run(reserve_budget("test", "default", token, 100, lease_ms=1_000, **of_it))
    if counts:
        queue.run(settle_budget("test", "default", token, cost, counts=counts, **of_it))


def settle(queue: Queue, again_ms: int | None = None) -> int:
    """Do what a scheduler does for accounts that are due; return how many have changed."""
    due = queue.run(jobs.take_accounts(queue.keys, 10, now_ms=queue.now_ms))
    settled = []
    for each in due:
        closed = queue.run(close_attempt("test", each.tenant, each.attempt, now_ms=queue.now_ms))
        settled.append(jobs.Settled(each.attempt, closed and closed.paid, again_ms))
    changed: int = queue.run(jobs.settle_accounts(queue.keys, settled, now_ms=queue.now_ms))
    return changed


def test_the_tenant_hears_that_a_failed_attempt_was_wasted(client: redis.Redis) -> None:
    queue = Queue(client)
    job_id = queue.submit()
    book(queue, f"{job_id}/1", "c", 70, BOOKS)
    end(queue, Fail(ERROR))
    before = queue.job(job_id).paid
    # Its job had heard of all of it already
    assert settle(queue) == 0
    assert queue.job(job_id).paid == before
    total = queue.run(read_budgets("test", "default", now_ms=queue.now_ms)).total
    assert (total.cost_micro_usd, total.wasted_micro_usd) == (70, 70)
    assert queue.run(jobs.take_accounts(queue.keys, 10, now_ms=queue.now_ms + 10_000)) == []


def test_a_job_hears_what_a_lost_attempt_paid_and_what_came_in_late(client: redis.Redis) -> None:
    queue = Queue(client, lease_ms=500)
    job_id = queue.submit()
    [lease] = queue.fetch()
    book(queue, lease.member, "paid", 70, {"calls": 1, "input_tokens": 9})
    book(queue, lease.member, "open", 0, {})
    queue.now_ms += 2_000
    queue.run(queues.sweep(queue.keys, now_ms=queue.now_ms))
    # Given a lost attempt, whose open call may have cost the most that it could
    assert settle(queue, again_ms=500) == 1
    assert queue.job(job_id).paid == PaidUsage(2, 0, 9, 0, 0, 170, 0, 170)
    # When its worker lives after all, and tells what the call cost
    queue.run(settle_budget("test", "default", "open", 40, counts={"calls": 1}, now_ms=queue.now_ms))
    queue.now_ms += 500
    assert settle(queue, again_ms=500) == 1
    # Then that is what the job has paid, and a repeat changes nothing
    told = PaidUsage(2, 0, 9, 0, 0, 110, 0, 110)
    assert queue.job(job_id).paid == told
    queue.now_ms += 500
    assert settle(queue) == 0
    assert queue.job(job_id).paid == told
    total = queue.run(read_budgets("test", "default", now_ms=queue.now_ms)).total
    assert (total.cost_micro_usd, total.wasted_micro_usd, total.lapsed_calls) == (110, 110, 0)


def test_accounts_of_jobs_that_are_gone_are_forgotten(client: redis.Redis) -> None:
    queue = Queue(client)
    job_id = queue.submit()
    end(queue, Fail(ERROR))
    assert queue.delete(job_id).done
    assert settle(queue) == 0
    assert client.keys("*accounts*") == []


class Given:
    """Answers as it was told to."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    async def ask(self, call: Call, send: object) -> Answer:
        return self.answer


async def test_what_was_paid_and_what_was_reused_are_written_to_the_attempt() -> None:
    meter, used = Meter(measures=False), Used(90, 40, 10)
    call = Call("t", "openai", "m", "a", 0, 100, 50, 20, "ai-1", 1)

    async def send() -> Reply:
        return Reply(b"", used, {})

    for answer in (Answer(b"", used, False, 7, 0, doubtful=2), Answer(b"", used, True, 0, 9)):
        await AccountedCalls(Given(answer), meter.pay).ask(call, send)
    assert meter.usage == Usage(None, None, PaidUsage(1, 1, 90, 40, 10, 7, 9, doubtful_calls=2))
