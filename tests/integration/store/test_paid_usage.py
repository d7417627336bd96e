"""What paid calls cost, from the attempt's account to the job's."""

from __future__ import annotations

import redis

from analysis_worker.paid.accounting import AccountedCalls
from analysis_worker.paid.port import Answer, Call, Reply
from analysis_worker.paid.port import Usage as Used
from common.broker.meter import Meter
from common.job.model import ErrorClass, JobError, PaidUsage, Usage
from common.job.outcome import Fail, Outcome, Release, Retry, Succeed
from common.store import jobs
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
