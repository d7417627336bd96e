"""Fifty planted strings go whole through scheduler, worker and monitor, and are seen in the result alone.

Everything that the platform tells anyone is kept and looked through: what the provider was sent, logs of all
programs at their most talkative, spans and metrics as a collector gets them, watches, lists, explanations,
attempts, errors, and every key of the store that is not there for content. So it is while calls fail in ways
that hand the strings back, and after a worker is killed in the middle of a call.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
import redis

from bothsides.jobs import v1 as pb
from bothsides_stack.ports import free_port
from support.canaries import PLANTED, planted_debate, seen_in
from support.insights_author import teller
from support.openai_author import honest
from support.openai_server import Fault, OpenAiServer, completion, error, openai_server
from support.otlp import Collector, otlp_collector
from support.reflection_author import reader
from support.waiting import wait_until

Spec = pb.TranscriptAnalysisSpec
KEY = "sk-canary-of-the-key-4711"
#: Said in the debate, private to nobody, and still of no log's concern.
SAID = "the pillars will hold for ten years"
#: Where content is meant to be: conversations and analyses, jobs with their orders and results.
CONTENT = re.compile(
    rb"\{bothsides:(?:conversations|analyses|insights):[^}]*\}:(?:item|index).*|\{bothsides:ai_analysis\}:(?:job|parts|former|result):.*"
)
ECHO = " ".join(sentence for _, sentence in PLANTED)
#: Answers that hand back what a provider may have come to know, one way of failing each.
FAULTS = {
    "5xx": error(500, "server_error", ECHO),
    "400": error(400, "invalid_value", ECHO),
    "401": error(401, "invalid_api_key", f"{KEY} {ECHO}"),
    "429": error(429, "insufficient_quota", ECHO),
    "refusal": Fault(body=completion(None, refusal=ECHO)),
    "filtered": error(400, "content_filter", ECHO),
    "bad json": Fault(body=completion('{"components": "' + ECHO)),
    "wrong json": Fault(body=completion(json.dumps({"components": [{"sid": ECHO, "kind": ECHO}]}))),
    "a page": Fault(body=f"<html>{ECHO}</html>".encode(), content_type="text/html"),
    "a wrong header": error(500, "server_error", "no", retry_after=ECHO[:200]),
}


@dataclass
class Deployment:
    """All services as an operator starts them, and what they have told."""

    folder: Path
    store: str
    server: OpenAiServer
    collector: Collector
    stack: ExitStack
    programs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)

    def start(self, name: str, module: str, **variables: str) -> None:
        written = self.stack.enter_context((self.folder / f"{name}.log").open("wb"))
        environment = {
            "PATH": os.environ["PATH"],
            "REDIS_URL": self.store,
            "LOG_LEVEL": "DEBUG",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.endpoint,
            "JOB_LEASE_MS": "2000",
            **variables,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", module], env=environment, stdout=written, stderr=written, cwd=self.folder
        )
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        self.programs[name] = process

    def start_worker(self, name: str) -> None:
        self.start(
            name,
            "analysis_worker",
            OPENAI_API_KEY=KEY,
            OPENAI_BASE_URL=self.server.url,
            OPENAI_MODERATION_MODEL="omni-moderation-latest",
            STORE_ENCRYPTION_KEY=base64.b64encode(bytes(range(32))).decode(),
            PROVIDER_LEASE_MS="1000",
            WORKER_HEALTH_ADDR=f"127.0.0.1:{free_port()}",
            WORKER_THREADS="4",
            WORKER_CHILDREN="1",
        )

    def listen(self, stream: Any) -> None:
        """Keep what a stream brings, until it ends."""

        def read() -> None:
            with suppress(grpc.RpcError):
                for message in stream:
                    self.heard.append(str(message))

        threading.Thread(target=read, daemon=True).start()

    def end(self) -> None:
        """Let all programs end by themselves, so that they send what they have."""
        for process in self.programs.values():
            process.send_signal(signal.SIGTERM)
        for process in self.programs.values():
            process.wait(timeout=60)

    def logs(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.glob("*.log")}


def at_work(body: Mapping[str, Any]) -> str:
    """Answer as a model would that reads debates and reflections, and tells figures."""
    schema = body["response_format"]["json_schema"]["name"]
    readers = {"ReflectionAnswer": reader(), "DepthAnswer": reader(), "InsightsAnswer": teller()}
    author = readers.get(schema, honest)
    answer: str = author(body)
    return answer


@pytest.fixture
def deployment(valkey: str, tmp_path: Path) -> Iterator[Deployment]:
    with ExitStack() as stack:
        server = stack.enter_context(openai_server(at_work))
        collector = stack.enter_context(otlp_collector())
        yield Deployment(tmp_path, valkey, server, collector, stack)


@contextmanager
def channel_to(port: int) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        grpc.channel_ready_future(channel).result(timeout=60)
        yield channel


def told_by(calls: list[Callable[[], Any]]) -> list[str]:
    """Return what calls answer, or how they fail, trailing metadata included."""
    told = []
    for call in calls:
        try:
            told.append(str(call()))
        except grpc.RpcError as refused:
            told.append(f"{refused.details()} {refused.trailing_metadata()}")
    return told


def kept_values(store: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield every key of the store with all that it holds."""
    raw: Any = redis.Redis.from_url(store, protocol=2)
    read = {
        b"string": raw.get,
        b"hash": raw.hgetall,
        b"list": lambda key: raw.lrange(key, 0, -1),
        b"set": raw.smembers,
        b"zset": lambda key: raw.zrange(key, 0, -1, withscores=True),
        b"stream": raw.xrange,
    }
    for key in raw.scan_iter():
        yield key, b"".join(_bytes_in(read[raw.type(key)](key)))
    raw.close()


def _bytes_in(value: Any) -> Iterator[bytes]:
    """Yield what a value of the store holds, however it is nested."""
    if isinstance(value, bytes):
        yield value + b"\n"
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _bytes_in(pair)
    elif isinstance(value, list | tuple | set):
        for part in value:
            yield from _bytes_in(part)


def test_what_is_planted_in_a_debate_is_seen_in_its_result_alone(deployment: Deployment) -> None:
    scheduler, monitor = free_port(), free_port()
    deployment.start("scheduler", "scheduler", SCHEDULER_ADDR=f"127.0.0.1:{scheduler}")
    deployment.start("monitor", "monitor", MONITOR_ADDR=f"127.0.0.1:{monitor}")
    deployment.start_worker("worker")
    server = deployment.server
    with channel_to(scheduler) as front, channel_to(monitor) as look:
        jobs, queues = pb.JobServiceStub(front), pb.QueueServiceStub(front)
        conversations, health = pb.ConversationServiceStub(front), pb.MonitorServiceStub(look)
        conversations.PutConversation(pb.PutConversationRequest(conversation=planted_debate()))
        deployment.listen(jobs.WatchJobs(pb.WatchJobsRequest()))
        deployment.listen(health.WatchHealth(pb.WatchHealthRequest()))

        def create(spec: pb.JobSpec) -> pb.Job:
            job = jobs.CreateJob(pb.CreateJobRequest(job=pb.Job(spec=spec, labels={"team": "blue"})))
            deployment.listen(jobs.WatchJob(pb.WatchJobRequest(job_id=job.job_id, view=pb.JOB_VIEW_BASIC)))
            return job

        def analyse(**spec: Any) -> pb.Job:
            return create(pb.JobSpec(transcript_analysis=Spec(conversation_id="planted", **spec)))

        def final(job: pb.Job, view: Any = pb.JOB_VIEW_BASIC) -> pb.Job:
            request = pb.GetJobRequest(job_id=job.job_id, view=view)
            wait_until(lambda: jobs.GetJob(request).HasField("end_time"), timeout_s=60)
            return jobs.GetJob(request)

        # Two that go well: the result has what was planted, for who may read it
        reflection = pb.ReflectionProcessingSpec(
            text=" ".join(sentence for _, sentence in PLANTED[::3]),
            conversation_id="planted",
            participant_id="ormwick",
        )
        well = [analyse(include_detailed=True), create(pb.JobSpec(reflection_processing=reflection))]
        done = [final(job, pb.JOB_VIEW_FULL) for job in well]
        assert [job.state for job in done] == [pb.Job.SUCCEEDED] * 2
        assert len(seen_in(str(done[0].result))) > 5
        assert done[1].result.reflection.provenance.engine == "openai"
        assert {made.engine for made in done[0].result.analysis.provenance} == {"local", "openai"}

        # Figures of several debates, told by a model
        for number in range(4):
            planted = planted_debate()
            planted.conversation_id = f"planted-{number}"
            conversations.PutConversation(pb.PutConversationRequest(conversation=planted))
        for number in range(4):
            local = Spec(conversation_id=f"planted-{number}", engine=Spec.LOCAL)
            well.append(create(pb.JobSpec(transcript_analysis=local)))
        assert [final(job).state for job in well] == [pb.Job.SUCCEEDED] * len(well)
        insights = create(pb.JobSpec(learning_insights=pb.LearningInsightsSpec(participant_id="ormwick")))
        followed = final(insights, pb.JOB_VIEW_FULL)
        assert followed.state == pb.Job.SUCCEEDED
        assert followed.result.insights.narrative_provenance.engine == "openai"

        # A worker is killed while a provider says nothing, and another takes its job
        server.faults = [Fault(silent=True)] * 4
        killed = analyse(force_refresh=True)
        asked = len(server.heard)
        wait_until(lambda: len(server.heard) > asked, timeout_s=60)
        deployment.programs.pop("worker").kill()
        server.faults.clear()
        deployment.start_worker("worker-2")
        jobs_made = [*well, insights, killed]
        assert final(killed).state == pb.Job.SUCCEEDED

        # And all that can go wrong, with the strings handed back; one waits, and is cancelled
        for name, fault in FAULTS.items():
            server.faults = [fault] * 200
            before = len(server.heard)
            failing = analyse(force_refresh=True, dimensions=[pb.DIMENSION_ARGUMENTS])
            assert final(failing).state == pb.Job.SUCCEEDED, name
            assert len(server.heard) > before, name
            jobs_made.append(failing)
            for model in ("gpt-6-luna", "gpt-4o-mini"):
                reset = pb.ResetCircuitRequest(provider="127.0.0.1", model=model)
                with suppress(grpc.RpcError):  # that of the second may never have been used
                    queues.ResetCircuit(reset)
        server.faults = [FAULTS["5xx"]] * 200
        waits = analyse(force_refresh=True, on_unavailable=Spec.WAIT, dimensions=[pb.DIMENSION_QUALITY])
        jobs_made.append(waits)
        held = pb.GetJobRequest(job_id=waits.job_id)
        wait_until(lambda: jobs.GetJob(held).wait_reason == pb.Blocker.CIRCUIT, timeout_s=60)
        jobs.CancelJob(pb.CancelJobRequest(job_id=waits.job_id))
        server.faults.clear()

        # What an operator without the payload role may ask
        ids = [job.job_id for job in jobs_made]
        calls: list[Callable[[], Any]] = [
            lambda: jobs.ListJobs(pb.ListJobsRequest(page_size=100)),
            lambda: jobs.ListFailureGroups(pb.ListFailureGroupsRequest()),
            lambda: conversations.PutConversation(pb.PutConversationRequest(conversation=broken_debate())),
            lambda: create(pb.JobSpec(reflection_processing=bad_reflection())),
            lambda: analyse(language_model=PLANTED[0][1]),
            lambda: conversations.GetConversation(pb.GetConversationRequest(conversation_id="none")),
            lambda: queues.ListQueues(pb.ListQueuesRequest()),
            lambda: queues.ListCircuits(pb.ListCircuitsRequest()),
            lambda: queues.ListProviderLimits(pb.ListProviderLimitsRequest()),
            lambda: queues.GetBudgets(pb.GetBudgetsRequest()),
            lambda: health.GetHealth(pb.GetHealthRequest()),
            lambda: health.ListQueueStats(pb.ListQueueStatsRequest()),
            lambda: health.ListWorkers(pb.ListWorkersRequest()),
        ]
        for job_id in ids:
            calls += [
                lambda job_id=job_id: jobs.GetJob(pb.GetJobRequest(job_id=job_id)),  # type: ignore[misc]
                lambda job_id=job_id: jobs.ExplainJob(pb.ExplainJobRequest(job_id=job_id)),  # type: ignore[misc]
                lambda job_id=job_id: jobs.ListAttempts(pb.ListAttemptsRequest(job_id=job_id)),  # type: ignore[misc]
                lambda job_id=job_id: jobs.ListJobLogs(pb.ListJobLogsRequest(job_id=job_id)),  # type: ignore[misc]
            ]
        told = told_by(calls)
        store = dict(kept_values(deployment.store))
        deployment.end()

    sent = [body for body, _ in server.heard] + server.moderated
    spans = [str(each) for each in deployment.collector.spans]
    points = [str(each) for each in deployment.collector.points]
    beside = {key: value for key, value in store.items() if CONTENT.fullmatch(key) is None}
    logs = deployment.logs()
    services = re.findall(r'"service.name"[^"]*"(\w+)"', " ".join((*spans, *points)))

    # There was something to look through
    assert len(sent) > 40
    assert len(told) == 13 + 4 * len(ids)
    assert len(deployment.heard) > 50
    assert {"scheduler", "analysis_worker"} <= set(services)
    assert any(b"answer:" in key for key in beside)
    assert all(logs.values())

    # And nothing of it anywhere
    places: dict[str, list[Any]] = {
        "requests": sent,
        "answers": told,
        "watches": deployment.heard,
        "spans": spans,
        "metrics": points,
        "logs": list(logs.values()),
        "keys": list(store),
        "values": list(beside.values()),
    }
    assert {key: seen for key, value in beside.items() if (seen := seen_in(value))} == {}
    assert [(name, seen) for name, texts in places.items() for text in texts if (seen := seen_in(text))] == []
    everywhere = [str(text) for name, texts in places.items() if name != "requests" for text in texts]
    assert not any(SAID in text for text in everywhere)
    assert not any(KEY in text for text in [*everywhere, *map(str, sent)])


def broken_debate() -> pb.Conversation:
    """Return a debate that is refused: a turn of it ends before it begins, and one is of a stranger."""
    broken = planted_debate("broken")
    broken.turns[3].start_seconds, broken.turns[3].end_seconds = 9, 1
    broken.turns[4].participant_id = "stranger"
    return broken


def bad_reflection() -> pb.ReflectionProcessingSpec:
    """Return an order that is refused: the text is too long, and ids are names."""
    return pb.ReflectionProcessingSpec(
        text=ECHO * 30, conversation_id="Zeltrude Kwanbrook", participant_id="Thaddeus Ormwickle" * 20
    )
