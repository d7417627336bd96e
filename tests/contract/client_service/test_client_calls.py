"""The client against a server on a real port: ids, pages, retries, limits, restarts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from itertools import islice

import grpc
import pytest

from bothsides.jobs import v1 as pb
from bothsides_client.client import Client
from bothsides_client.errors import DeadlineExceeded, InsightsNotFound, InvalidRequest, NotFound, Unavailable
from bothsides_client.retry import Reconnect
from support.in_memory_platform import Platform, PlatformServer
from support.replies import reason, status

AWAY = status(grpc.StatusCode.UNAVAILABLE, "the store does not answer", reason("STORE_UNAVAILABLE"))
JOB = pb.Job(spec=pb.JobSpec(transcript_analysis=pb.TranscriptAnalysisSpec(conversation_id="c1")))


@pytest.fixture
def server() -> Iterator[PlatformServer]:
    with PlatformServer(Platform()) as running:
        yield running


@pytest.fixture
def platform(server: PlatformServer) -> Platform:
    return server.platform


@pytest.fixture
def caller(server: PlatformServer) -> Iterator[Client]:
    with Client(
        server.address, server.address, token="secret", reconnect=Reconnect(min_s=0.01, max_s=0.1)
    ) as it:
        yield it


def test_a_create_carries_an_id_of_its_own(caller: Client, platform: Platform) -> None:
    caller.create_job(JOB)
    caller.create_job(JOB)
    first, second = platform.calls["CreateJob"]
    assert uuid.UUID(first.request_id) != uuid.UUID(second.request_id)


def test_the_callers_own_id_is_sent(caller: Client, platform: Platform) -> None:
    caller.create_job(JOB, "mine", validate_only=True)
    assert platform.calls["CreateJob"][0] == pb.CreateJobRequest(
        job=JOB, request_id="mine", validate_only=True
    )


def test_the_token_goes_with_every_call(caller: Client, platform: Platform) -> None:
    caller.health()
    assert platform.metadata["authorization"] == "Bearer secret"


def test_a_create_is_repeated_with_the_same_id_while_nobody_takes_it(
    caller: Client, platform: Platform
) -> None:
    """Given a server that refuses four times, the fifth attempt of the same request is answered."""
    platform.refuse("CreateJob", AWAY, times=4)
    job = caller.create_job(JOB)
    assert job.job_id
    assert len(platform.calls["CreateJob"]) == 5
    assert len({request.request_id for request in platform.calls["CreateJob"]}) == 1


def test_after_five_attempts_the_error_is_raised_with_its_reason(caller: Client, platform: Platform) -> None:
    platform.refuse("GetJob", AWAY, times=5)
    with pytest.raises(Unavailable) as raised:
        caller.get_job("ai-1")
    assert (raised.value.reason, len(platform.calls["GetJob"])) == ("STORE_UNAVAILABLE", 5)


def test_a_retry_of_a_job_is_not_repeated(caller: Client, platform: Platform) -> None:
    """A second RetryJob could start a job again that has failed in between."""
    platform.refuse("RetryJob", AWAY)
    with pytest.raises(Unavailable):
        caller.retry_job("ai-1")
    assert len(platform.calls["RetryJob"]) == 1


def test_what_the_server_refuses_for_good_is_not_repeated(caller: Client, platform: Platform) -> None:
    platform.refuse("CreateJob", status(grpc.StatusCode.INVALID_ARGUMENT, "job.spec: is required"))
    with pytest.raises(InvalidRequest, match=r"job\.spec"):
        caller.create_job(pb.Job())
    assert len(platform.calls["CreateJob"]) == 1


def test_many_jobs_go_in_calls_of_a_thousand_and_keep_their_order(caller: Client, platform: Platform) -> None:
    jobs = [JOB] * 1_500
    jobs[3] = pb.Job()
    outcomes = caller.create_jobs(jobs)
    assert [len(call.requests) for call in platform.calls["CreateJobs"]] == [1_000, 500]
    assert isinstance(outcomes[3].error, InvalidRequest)
    assert [place for place, outcome in enumerate(outcomes) if outcome.job is None] == [3]
    sent = [request.request_id for call in platform.calls["CreateJobs"] for request in call.requests]
    assert [outcome.request_id for outcome in outcomes] == sent
    assert len(set(sent)) == 1_500


def test_as_many_ids_as_jobs_are_wanted(caller: Client) -> None:
    with pytest.raises(ValueError, match="shorter"):
        caller.create_jobs([JOB, JOB], ["one"])


def test_lists_turn_their_pages_when_they_are_read(caller: Client, platform: Platform) -> None:
    for _ in range(25):
        caller.create_job(JOB)
    some = list(islice(caller.list_jobs("state = PENDING", page_size=10), 15))
    assert len(some) == 15
    assert [(call.filter, call.page_token) for call in platform.calls["ListJobs"]] == [
        ("state = PENDING", ""),
        ("state = PENDING", "10"),
    ]
    assert len(list(caller.list_jobs(page_size=10))) == 25


def test_conversations_and_analyses_are_listed_across_pages(caller: Client, platform: Platform) -> None:
    for number in range(7):
        caller.put_conversation(pb.Conversation(conversation_id=f"c{number}"))
        platform.analyses[f"c{number}"] = pb.Analysis(conversation_id=f"c{number}")
    assert [each.conversation_id for each in caller.list_conversations(page_size=3)] == [
        f"c{number}" for number in range(7)
    ]
    assert len(list(caller.list_analyses(page_size=3))) == 7
    assert caller.get_conversation("c5").conversation_id == "c5"
    assert caller.get_analysis("c6").conversation_id == "c6"


def test_insights_are_read_by_participant(caller: Client, platform: Platform) -> None:
    platform.insights["ines"] = pb.Insights(participant_id="ines", job_id="da-1")
    assert caller.get_insights("ines").job_id == "da-1"
    with pytest.raises(InsightsNotFound):
        caller.get_insights("marek")


def test_a_conversation_is_deleted(caller: Client, platform: Platform) -> None:
    caller.put_conversation(pb.Conversation(conversation_id="c1"))
    platform.analyses["c1"] = pb.Analysis(conversation_id="c1")
    done = caller.delete_conversation("c1")
    assert (done.answer_count, done.analysis_deleted) == (2, True)
    assert not caller.delete_conversation("c1", allow_missing=True).analysis_deleted
    with pytest.raises(NotFound):
        caller.delete_conversation("c1")


def test_a_missing_thing_is_not_found(caller: Client) -> None:
    with pytest.raises(NotFound) as raised:
        caller.get_job("ai-404")
    assert raised.value.reason == "JOB_NOT_FOUND"


def test_the_largest_transcript_fits_through(caller: Client, platform: Platform) -> None:
    words = "words " * 1_000
    turns = [pb.Turn(turn_id=f"t{number}", participant_id="a", text=words) for number in range(1_350)]
    conversation = pb.Conversation(conversation_id="large", turns=turns)
    assert conversation.ByteSize() > 8_000_000
    caller.put_conversation(conversation)
    assert caller.get_conversation("large") == conversation


def test_nobody_there_is_said_with_the_address() -> None:
    with (
        Client("127.0.0.1:1", "127.0.0.1:1", timeout_s=5) as caller,
        pytest.raises(Unavailable, match=r"scheduler at 127\.0\.0\.1:1 does not answer"),
    ):
        caller.get_job("ai-1")


def test_a_call_that_takes_too_long_is_given_up(server: PlatformServer, platform: Platform) -> None:
    platform.held.add("GetHealth")
    with (
        Client(server.address, server.address, timeout_s=0.2) as caller,
        pytest.raises(DeadlineExceeded, match="did not answer in time"),
    ):
        caller.health()


def test_a_watch_outlives_the_restart_of_its_server(
    caller: Client, server: PlatformServer, platform: Platform
) -> None:
    """Given a watch that has read its first messages, when the server is cut off and comes back on the same
    port, then the watch goes on behind the last message and misses none."""
    job = caller.create_job(JOB)
    platform.events = [
        pb.WatchJobResponse(progress=pb.Progress(fraction=step / 4, stage="step")) for step in range(4)
    ]
    messages = caller.watch_job(job.job_id)
    read = [next(messages) for _ in range(3)]
    server.stop()
    server.start()
    platform.may_end.set()
    read += messages
    assert [message.resume_token for message in read] == ["1", "2", "3", "4", "5", "6", "7"]
    assert read[-1].snapshot.state == pb.Job.SUCCEEDED
    first, second = (call.resume_token for call in platform.calls["WatchJob"])
    assert (first, second >= "3") == ("", True)  # what was on the way when it broke may be read as well


def test_a_retry_and_a_cancel_return_the_job(caller: Client) -> None:
    job = caller.create_job(JOB)
    assert caller.cancel_job(job.job_id).state == pb.Job.CANCELLED
    assert caller.retry_job(job.job_id).state == pb.Job.PENDING


def test_the_monitor_is_read(caller: Client, platform: Platform) -> None:
    platform.queues = [pb.QueueStats(queue="ai_analysis", pending=3)]
    platform.workers = [pb.Worker(worker_id="w1")]
    assert caller.health().status == pb.Health.HEALTHY
    assert next(caller.watch_health()).status == pb.Health.HEALTHY
    assert caller.queue_stats("ai_analysis") == platform.queues
    assert platform.calls["ListQueueStats"][0].queue == "ai_analysis"
    assert caller.workers() == platform.workers
