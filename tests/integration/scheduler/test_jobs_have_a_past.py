"""ListAttempts and ListJobLogs over a real port and a real store."""

from __future__ import annotations

from google.protobuf.json_format import MessageToDict

from bothsides.jobs import v1 as pb
from common.job.log import line_of
from common.job.model import ErrorClass, JobError, Usage
from common.job.outcome import Cancelled, Fail, Outcome, Release, Retry, Succeed
from common.store import jobs
from common.store.jobs import Ending, Lease, NewLine
from support.scheduler import BareWorker, Served, generic, refusal

BROKEN = JobError(ErrorClass.TRANSIENT, "BROKEN", "the line went dead", attempt=1)
A = pb.Attempt


async def _attempts(scheduler: Served, job: pb.Job) -> list[pb.Attempt]:
    response = await scheduler.jobs.ListAttempts(pb.ListAttemptsRequest(job_id=job.job_id))
    return list(response.attempts)


async def _job_that_ended(scheduler: Served, worker: BareWorker, *outcomes: Outcome) -> pb.Job:
    job = await scheduler.create(generic(retry_policy=pb.RetryPolicy(max_attempts=99)))
    for outcome in outcomes:
        worker.finish(worker.fetch(), outcome)
    return job


async def test_a_job_that_never_started_has_no_attempts(scheduler: Served) -> None:
    assert await _attempts(scheduler, await scheduler.create()) == []


async def test_every_attempt_says_how_it_ended_the_latest_first(
    scheduler: Served, worker: BareWorker
) -> None:
    again = Retry(BROKEN, delay_ms=0)
    job = await _job_that_ended(scheduler, worker, again, Release(0, "WORKER_STOPPED"), Succeed())

    attempts = await _attempts(scheduler, job)

    assert [(one.attempt, one.outcome) for one in attempts] == [
        (3, A.SUCCEEDED),
        (2, A.SNOOZED),
        (1, A.RETRIED),
    ]
    assert attempts[2].error.reason == "BROKEN"
    assert not attempts[1].HasField("error")
    for one in attempts:
        assert one.worker == "bare-worker"
        assert one.start_time.ToMilliseconds() <= one.end_time.ToMilliseconds()


async def test_the_attempt_that_runs_has_no_end(scheduler: Served, worker: BareWorker) -> None:
    job = await scheduler.create()
    worker.fetch()

    [attempt] = await _attempts(scheduler, job)

    assert (attempt.outcome, attempt.HasField("end_time")) == (A.RUNNING, False)


async def test_the_attempt_that_failed_for_good_is_told_from_one_that_was_retried(
    scheduler: Served, worker: BareWorker
) -> None:
    job = await _job_that_ended(scheduler, worker, Retry(BROKEN, delay_ms=0), Fail(BROKEN))

    assert [one.outcome for one in await _attempts(scheduler, job)] == [A.FAILED, A.RETRIED]


async def test_attempts_outlive_a_retry_by_a_person(scheduler: Served, worker: BareWorker) -> None:
    job = await _job_that_ended(scheduler, worker, Fail(BROKEN))
    await scheduler.jobs.RetryJob(pb.RetryJobRequest(job_id=job.job_id))
    worker.succeed(worker.fetch())

    assert [one.outcome for one in await _attempts(scheduler, job)] == [A.SUCCEEDED, A.RETRIED]


async def test_a_cancelled_attempt_is_told(scheduler: Served, worker: BareWorker) -> None:
    job = await scheduler.create()
    lease = worker.fetch()
    await scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=job.job_id))
    worker.finish(lease, Cancelled())

    assert [one.outcome for one in await _attempts(scheduler, job)] == [A.CANCELLED]


async def test_an_attempt_says_what_it_used(scheduler: Served, worker: BareWorker) -> None:
    job = await scheduler.create()
    ending = Ending(worker.fetch().member, Succeed(), Usage(cpu_ms=1_500, peak_bytes=4_096))
    worker.run(jobs.finish(worker.keys, [ending]))

    [attempt] = await _attempts(scheduler, job)
    read = await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=job.job_id))

    assert attempt.usage == read.usage
    assert (read.usage.cpu_time.ToMilliseconds(), read.usage.peak_memory_bytes) == (1_500, 4_096)


async def test_attempts_are_listed_page_by_page(scheduler: Served, worker: BareWorker) -> None:
    job = await _job_that_ended(scheduler, worker, *[Release()] * 4, Succeed())
    request = pb.ListAttemptsRequest(job_id=job.job_id, page_size=2)
    seen: list[int] = []
    while True:
        page = await scheduler.jobs.ListAttempts(request)
        seen += [one.attempt for one in page.attempts]
        request.page_token = page.next_page_token
        if not request.page_token:
            break

    assert seen == [5, 4, 3, 2, 1]


def _log(worker: BareWorker, lease: Lease, *messages: str, since: int = 1, **fields: object) -> None:
    lines = [
        NewLine(lease.member, number, line_of("INFO", message, fields, at_ms=1_000 + number))
        for number, message in enumerate(messages, since)
    ]
    assert all(worker.run(jobs.append_log(worker.keys, lines)))


async def test_a_job_that_logged_nothing_has_no_lines(scheduler: Served) -> None:
    job = await scheduler.create()

    response = await scheduler.jobs.ListJobLogs(pb.ListJobLogsRequest(job_id=job.job_id))

    assert (list(response.entries), response.next_page_token) == ([], "")


async def test_lines_are_listed_in_order_with_their_fields(scheduler: Served, worker: BareWorker) -> None:
    job = await scheduler.create()
    _log(worker, worker.fetch(), "first", "second", turns=3, language="en")

    response = await scheduler.jobs.ListJobLogs(pb.ListJobLogsRequest(job_id=job.job_id))

    first, second = response.entries
    assert (first.message, second.message) == ("first", "second")
    assert (first.sequence, second.sequence) == (1, 2)
    assert (first.attempt, first.severity) == (1, pb.JobLogEntry.INFO)
    assert first.time.ToMilliseconds() == 1_001
    assert MessageToDict(first.fields) == {"turns": 3, "language": "en"}


async def test_lines_are_listed_page_by_page_to_the_newest(scheduler: Served, worker: BareWorker) -> None:
    job = await scheduler.create()
    lease = worker.fetch()
    _log(worker, lease, "a", "b", "c")
    request = pb.ListJobLogsRequest(job_id=job.job_id, page_size=2)

    first = await scheduler.jobs.ListJobLogs(request)
    _log(worker, lease, "d", since=4)
    request.page_token = first.next_page_token
    second = await scheduler.jobs.ListJobLogs(request)

    assert [entry.message for entry in first.entries] == ["a", "b"]
    assert [entry.message for entry in second.entries] == ["c", "d"]
    assert second.next_page_token == ""


async def test_a_token_of_another_jobs_list_is_refused(scheduler: Served, worker: BareWorker) -> None:
    job = await _job_that_ended(scheduler, worker, Release(), Succeed())
    other = await scheduler.create()
    page = await scheduler.jobs.ListAttempts(pb.ListAttemptsRequest(job_id=job.job_id, page_size=1))
    token = page.next_page_token

    for call in (
        scheduler.jobs.ListAttempts(pb.ListAttemptsRequest(job_id=other.job_id, page_token=token)),
        scheduler.jobs.ListJobLogs(pb.ListJobLogsRequest(job_id=job.job_id, page_token=token)),
    ):
        assert (await refusal(call)).reason == "PAGE_TOKEN_INVALID"
