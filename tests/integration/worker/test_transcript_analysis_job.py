"""Transcript analyses in a real worker: parts on the way, one kept result, and every way to end early."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import redis

from bothsides.jobs import v1 as pb
from common.job.ids import JobId, new_job_id
from common.job.model import ErrorClass, RetryPolicy
from common.job.states import JobState
from common.store.documents import ANALYSES, put_document
from common.store.events import Progressed, StateChanged, events_of
from common.store.keys import QueueKeys
from support.debates import debate
from support.waiting import wait_until
from support.worker_program import NAMESPACE, Desk, SharedWorker, WorkerProgram, worker_program

ALL = {"tone", "topics", "arguments", "linguistics", "interaction", "quality"}
#: Long enough that tests meet it while it runs: seconds of work.
LONG_TURNS = 3_000
#: Long enough to meet it so, and to have it done once more.
SOME_TURNS = 1_500
REFLECTION = (
    "Before the debate I was sure that the old bridge must be closed to cars. When Marek asked what happens "
    "to the ambulance, I noticed that I had never thought of it, and I felt rather foolish. I realised that "
    "I had only listened for what I wanted to hear. Next time I would ask people on the north side first, "
    "because they know what it means. I have changed my mind: one summer of trying it out "
    "would teach us more."
)
ONE_ATTEMPT = {"retry": RetryPolicy(max_attempts=1)}


def result_of(desk: Desk, job_id: JobId) -> pb.DebateAnalysis:
    done = desk.final(job_id)
    assert done.job.state is JobState.SUCCEEDED, done.job.error
    assert done.result is not None
    return pb.JobResult.FromString(done.result.data).analysis


def pids(program: WorkerProgram) -> set[int]:
    return {child.pid for child in program.children()}


def under_way(desk: Desk, job_id: JobId) -> None:
    """Wait until an analysis has finished something, and so computes something else."""
    wait_until(lambda: desk.snapshot(job_id).parts, timeout_s=60)


def test_six_dimensions_come_one_by_one_and_then_as_one_result_that_is_kept(
    wide_worker: SharedWorker,
) -> None:
    desk = wide_worker.desk()
    job_id = desk.analyse(desk.put(debate(30)), include_detailed=True)
    analysis = result_of(desk, job_id)

    # Every dimension is there, and was there before the end as a part that holds it alone
    assert {field.name for field, _ in analysis.ListFields()} >= ALL
    parts = {
        part.name: pb.JobResult.FromString(part.content.data).analysis for part in desk.snapshot(job_id).parts
    }
    assert set(parts) == ALL
    for name, part in parts.items():
        assert {field.name for field, _ in part.ListFields()} & ALL == {name}
        assert getattr(part, name) == getattr(analysis, name)

    # And what its children have used stands in its record
    usage = desk.job(job_id).usage
    assert usage is not None
    assert (usage.cpu_ms or 0) > 0
    assert (usage.peak_bytes or 0) > 20_000_000

    # And the result is kept with the conversation, in the name of the attempt
    kept = desk.kept("bridge")
    assert kept is not None
    assert (kept.job_id, kept.attempt) == (job_id, 1)
    assert pb.DebateAnalysis.FromString(kept.body) == analysis


def test_equal_conversations_give_equal_bytes_on_any_worker(
    plain_worker: SharedWorker, wide_worker: SharedWorker
) -> None:
    results = []
    for one in (plain_worker, wide_worker):
        desk = one.desk()
        done = desk.final(desk.analyse(desk.put(debate(30)), include_detailed=True))
        assert done.result is not None
        results.append(done.result.data)

    assert results[0] == results[1]


def test_only_the_dimensions_that_were_asked_for_are_made(plain_desk: Desk) -> None:
    job_id = plain_desk.analyse(
        plain_desk.put(debate(12)), dimensions=[pb.DIMENSION_QUALITY, pb.DIMENSION_LINGUISTICS]
    )
    analysis = result_of(plain_desk, job_id)

    assert {field.name for field, _ in analysis.ListFields()} & ALL == {"linguistics", "quality"}
    assert [part.dimension for part in analysis.provenance] == [
        pb.DIMENSION_LINGUISTICS,
        pb.DIMENSION_QUALITY,
    ]


def test_watchers_are_told_stages_in_words_a_growing_fraction_and_when_it_will_be_done(
    plain_worker: SharedWorker,
) -> None:
    desk = plain_worker.desk()
    job_id = desk.analyse(desk.put(debate(200)))
    result_of(desk, job_id)

    keys = QueueKeys(NAMESPACE, "ai_analysis")
    entries: Any = plain_worker.client.xrange(keys.events)
    told = [event for _, entry in entries for event in events_of(entry)]
    mine = [event for event in told if event.job_id == job_id]
    progress = [event.progress for event in mine if isinstance(event, Progressed)]
    fractions = [report.fraction for report in progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert "Finding the topics" in {report.stage for report in progress}
    assert {report.total_units for report in progress if report.completed_units} == {6}
    assert any(report.finish_ms is not None for report in progress)
    assert isinstance(mine[-1], StateChanged)


def test_a_conversation_that_is_not_there_fails_for_good(plain_desk: Desk) -> None:
    job = plain_desk.final(plain_desk.analyse("nowhere")).job

    assert (job.state, job.spent) == (JobState.FAILED, 1)
    assert job.error is not None
    assert (job.error.error_class, job.error.reason) == (ErrorClass.INVALID_INPUT, "CONVERSATION_NOT_FOUND")


def test_a_cancel_stops_the_computing_process_at_once(wide_worker: SharedWorker) -> None:
    desk = wide_worker.desk()
    desk.put(debate(LONG_TURNS))
    # Given an analysis that keeps its children busy
    job_id = desk.analyse("bridge")
    under_way(desk, job_id)
    before = pids(wide_worker.program)

    # When it is cancelled
    desk.cancel(job_id)

    # Then the job is cancelled, the process is gone, and the worker goes on
    assert desk.final(job_id).job.state is JobState.CANCELLED
    wait_until(lambda: not before <= pids(wide_worker.program))
    desk.put(debate(6, conversation_id="short"))
    result_of(desk, desk.analyse("short"))
    assert desk.kept("bridge") is None


def test_an_attempt_that_runs_too_long_ends_as_a_timeout_and_its_process_with_it(
    plain_worker: SharedWorker,
) -> None:
    desk = plain_worker.desk()
    desk.put(debate(LONG_TURNS))
    # Given a child that is ready to compute
    result_of(desk, desk.analyse(desk.put(debate(6, conversation_id="short"))))
    before = pids(plain_worker.program)

    # When an analysis takes longer than it may
    job = desk.final(desk.analyse("bridge", job={"timeout_ms": 500, **ONE_ATTEMPT})).job

    # Then it has failed, and the child that computed is gone
    assert job.error is not None
    assert (job.state, job.error.error_class) == (JobState.FAILED, ErrorClass.TIMEOUT)
    wait_until(lambda: not before <= pids(plain_worker.program))


def test_a_killed_child_costs_one_attempt_and_the_next_one_succeeds(plain_worker: SharedWorker) -> None:
    desk = plain_worker.desk()
    desk.put(debate(SOME_TURNS))
    # Given an analysis on its way
    job_id = desk.analyse("bridge", job={"retry": RetryPolicy(min_backoff_ms=1, max_backoff_ms=1)})
    under_way(desk, job_id)

    # When its processes are killed from outside
    for child in plain_worker.program.children():
        child.kill()

    # Then the attempt failed for a reason that says so, and another one did the work
    done = desk.final(job_id).job
    assert (done.state, done.attempt, done.spent) == (JobState.SUCCEEDED, 2, 2)
    assert done.error is not None
    assert (done.error.error_class, done.error.reason) == (ErrorClass.TRANSIENT, "CHILD_KILLED")


def test_a_conversation_that_needs_too_much_memory_is_told_apart(
    valkey: str, client: redis.Redis, tmp_path: Path
) -> None:
    desk = Desk(client)
    desk.put(debate(LONG_TURNS))
    with worker_program(valkey, tmp_path, WORKER_CHILD_MEMORY_BYTES="20000000"):
        job = desk.final(desk.analyse("bridge")).job

    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error.reason == "CHILD_OUT_OF_MEMORY"


def test_a_worker_that_is_told_to_stop_hands_its_analysis_over(
    valkey: str, client: redis.Redis, tmp_path: Path
) -> None:
    desk = Desk(client)
    desk.put(debate(SOME_TURNS))
    # Given a worker in the middle of an analysis
    with worker_program(valkey, tmp_path, WORKER_SHUTDOWN_MS="0") as first:
        job_id = desk.analyse("bridge")
        under_way(desk, job_id)

        # When it is told to stop, and may not wait
        first.terminate()
        assert first.ended() == 0
    job = desk.job(job_id)
    assert (job.state, job.spent) == (JobState.PENDING, 0)

    # Then another one does the whole analysis, and its parts replace the first one's
    with worker_program(valkey, tmp_path):
        result_of(desk, job_id)
    assert {part.attempt for part in desk.snapshot(job_id).parts} == {2}


def test_a_result_of_a_later_attempt_is_not_overwritten(plain_desk: Desk) -> None:
    plain_desk.put(debate(12))
    # Given that a later attempt of a job has kept its result
    job_id = new_job_id("ai_analysis")
    plain_desk.run(
        put_document(
            NAMESPACE, ANALYSES, plain_desk.tenant, "bridge", body=b"later", job_id=job_id, attempt=9
        )
    )

    # When an earlier attempt of it comes to its end
    assert plain_desk.final(plain_desk.analyse("bridge", job={"job_id": job_id})).job.attempt == 1

    # Then what it would have kept is dropped
    kept = plain_desk.kept("bridge")
    assert kept is not None
    assert kept.body == b"later"


def test_a_reflection_is_read_with_its_debate(plain_desk: Desk) -> None:
    plain_desk.put(debate(12))
    spec = pb.ReflectionProcessingSpec(
        text=REFLECTION,
        conversation_id="bridge",
        participant_id="ines",
    )
    done = plain_desk.final(plain_desk.order(pb.JobSpec(reflection_processing=spec)))

    assert done.job.state is JobState.SUCCEEDED, done.job.error
    assert done.result is not None
    reflection = pb.JobResult.FromString(done.result.data).reflection
    assert reflection.depth != pb.ReflectionAnalysis.DEPTH_UNSPECIFIED
    assert reflection.grounded_in_debate.HasField("value")


def test_nothing_that_was_said_stands_in_the_log(plain_worker: SharedWorker) -> None:
    desk = plain_worker.desk()
    desk.put(debate(12))
    secret = "Perhaps the zeppelin was mine."
    spec = pb.ReflectionProcessingSpec(text=secret, conversation_id="nowhere")
    result_of(desk, desk.analyse("bridge"))
    failed = desk.final(desk.order(pb.JobSpec(reflection_processing=spec))).job
    assert failed.state is JobState.FAILED
    log = plain_worker.program.log.read_text()

    assert "zeppelin" not in log
    assert "pillars" not in log  # a word of the debate
    assert failed.job_id in log


def test_many_analyses_at_once_share_few_children(wide_worker: SharedWorker) -> None:
    desk = wide_worker.desk()
    for number in range(4):
        desk.put(debate(40, conversation_id=f"d{number}", seed=number))
    jobs = [desk.analyse(f"d{number % 4}") for number in range(16)]
    results = [result_of(desk, job_id).SerializeToString(deterministic=True) for job_id in jobs]

    assert len(set(results)) == 4


def test_a_worker_that_was_gone_for_longer_than_its_lease_changes_nothing_when_it_is_back(
    valkey: str, client: redis.Redis, tmp_path: Path
) -> None:
    desk = Desk(client)
    desk.put(debate(SOME_TURNS))
    with worker_program(valkey, tmp_path, JOB_LEASE_MS="4000") as first:
        # Given a worker that stands still in the middle of an analysis
        job_id = desk.analyse("bridge")
        under_way(desk, job_id)
        first.process.send_signal(signal.SIGSTOP)

        # When another one has taken the job over and finished it
        with worker_program(valkey, tmp_path, JOB_LEASE_MS="4000"):
            result_of(desk, job_id)
        done = desk.job(job_id)
        kept = desk.kept("bridge")

        # And the first one goes on
        first.process.send_signal(signal.SIGCONT)
        desk.put(debate(6, conversation_id="short"))
        result_of(desk, desk.analyse("short"))

        # Then the job and its kept result are the second one's still
        assert desk.job(job_id) == done
        assert desk.kept("bridge") == kept
    assert (done.attempt, done.spent, done.lost) == (2, 1, 1)
    assert kept is not None
    assert kept.attempt == 2


class Application(pb.ConversationServiceServicer):
    """An application that keeps its conversations itself."""

    def GetConversation(self, request: pb.GetConversationRequest, context: Any) -> pb.Conversation:
        return debate(12, conversation_id=request.conversation_id)

    def PutConversation(self, request: pb.PutConversationRequest, context: Any) -> pb.Conversation:
        return request.conversation

    def ListConversations(self, request: object, context: Any) -> pb.ListConversationsResponse:
        return pb.ListConversationsResponse()

    def DeleteConversation(self, request: object, context: Any) -> pb.DeleteConversationResponse:
        return pb.DeleteConversationResponse()


def test_conversations_may_come_from_the_applications_own_service(
    valkey: str, client: redis.Redis, tmp_path: Path
) -> None:
    desk = Desk(client)
    server = grpc.server(ThreadPoolExecutor(2))
    pb.add_ConversationServiceServicer_to_server(Application(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with worker_program(valkey, tmp_path, CONVERSATION_SERVICE_ADDR=f"127.0.0.1:{port}") as program:
            assert result_of(desk, desk.analyse("elsewhere")).conversation_id == "elsewhere"
            program.terminate()
            assert program.ended() == 0
    finally:
        server.stop(grace=None).wait()
