"""From CancelJob to the end of a running job, its child process included.

    python benchmarks/cancel.py [--rounds 20]

A scheduler and a worker, each a process of its own. Each round cancels a coroutine that waits, a plain
function that computes on a thread, one in a process of its own, and an analysis whose child processes
compute. Prints medians and ranges; asserts nothing. The bar is 100 ms.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import grpc
import psutil
import redis
from google.protobuf.struct_pb2 import Value
from local_engine import recombined
from measure.programs import running, scheduler
from measure.report import Row, Sample, Section

from bothsides.jobs import v1 as pb
from bothsides_stack.embedded import EmbeddedServer
from common.job.ids import queue_of
from common.job.model import Job
from common.job.states import JobState
from common.store import jobs
from common.store.keys import queue_keys
from common.store.operation import SyncRunner

T = TypeVar("T")
NAMESPACE = "bothsides"
#: Long enough to be found in the middle of its analysis.
TURNS = 4_000
_POLL_S = 0.0005
_PATIENCE_S = 60.0


class Bench:
    """A scheduler to ask, a worker to watch, and the store to see how a job is."""

    def __init__(self, channel: grpc.Channel, client: redis.Redis, worker: psutil.Process) -> None:
        self._jobs = pb.JobServiceStub(channel)
        self._conversations = pb.ConversationServiceStub(channel)
        self._runner = SyncRunner(client)
        self._worker = worker

    def put_debate(self) -> None:
        debate = recombined(TURNS)
        conversation = pb.Conversation(
            conversation_id="long",
            participants=[pb.Participant(participant_id=each.participant_id) for each in debate.participants],
            turns=[
                pb.Turn(turn_id=turn.turn_id, participant_id=turn.participant_id, text=turn.text)
                for turn in debate.turns
            ],
        )
        self._conversations.PutConversation(pb.PutConversationRequest(conversation=conversation))

    def cancel_reporting(self, actor: str) -> float:
        """Cancel an actor that has reported; return how long (ms) it took until the job was CANCELLED."""
        spec = pb.JobSpec(generic=pb.GenericSpec(actor=actor))
        job_id = self._create(spec)
        _until(lambda: self._job(job_id).progress is not None)
        return self._cancel(job_id)

    def cancel_computing(self) -> tuple[float, float]:
        """Cancel an analysis; return how long (ms) until a child was gone, and until it was CANCELLED."""
        _until(lambda: len(self._children()) == 2)
        job_id = self._create(
            pb.JobSpec(transcript_analysis=pb.TranscriptAnalysisSpec(conversation_id="long"))
        )
        _until(lambda: (progress := self._job(job_id).progress) is not None and progress.completed_units > 0)
        computing = _until(lambda: [child for child in self._children() if child.status() == "running"])
        return self._cancel_with(computing, job_id)

    def cancel_isolated(self, folder: Path) -> tuple[float, float]:
        """Cancel a plain function that never looks; return as cancel_computing does."""
        begun = folder / "begun"
        begun.unlink(missing_ok=True)
        spec = pb.GenericSpec(actor="compute_for_ever")
        spec.args.append(Value(string_value=str(begun)))
        job_id = self._create(pb.JobSpec(generic=spec))
        _until(begun.exists)
        return self._cancel_with([psutil.Process(int(begun.read_text()))], job_id)

    def _cancel_with(self, computing: list[psutil.Process], job_id: str) -> tuple[float, float]:
        """Cancel; return how long (ms) until one of its processes was gone, and until it was CANCELLED."""
        began_s = time.perf_counter()
        gone_ms: list[float] = []

        def look() -> bool:
            if not gone_ms and not all(map(_lives, computing)):
                gone_ms.append((time.perf_counter() - began_s) * 1000)
            return bool(gone_ms)

        ended_ms = self._cancel(job_id, look)
        _until(look)
        return gone_ms[0], ended_ms

    def _create(self, spec: pb.JobSpec) -> str:
        job_id: str = self._jobs.CreateJob(pb.CreateJobRequest(job=pb.Job(spec=spec))).job_id
        return job_id

    def _cancel(self, job_id: str, look: Callable[[], bool] = lambda: False) -> float:
        began_s = time.perf_counter()
        self._jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
        _until(lambda: (look(), self._job(job_id).state is JobState.CANCELLED)[1])
        return (time.perf_counter() - began_s) * 1000

    def _job(self, job_id: str) -> Job:
        keys = queue_keys(NAMESPACE, queue_of(job_id) or "")
        read = self._runner.run(jobs.get(keys, job_id))
        assert read is not None, job_id
        return read.job

    def _children(self) -> list[psutil.Process]:
        return [
            child
            for child in self._worker.children()
            if _lives(child) and any("spawn_main" in word for word in child.cmdline())
        ]


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _until(condition: Callable[[], T]) -> T:
    """Return the first true value of `condition`."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while not (value := condition()):
        if time.monotonic() > deadline_s:
            raise TimeoutError("the worker did not come so far")
        time.sleep(_POLL_S)
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    names = (
        "coroutine: job CANCELLED",
        "on a thread: job CANCELLED",
        "isolated: its process gone",
        "isolated: job CANCELLED",
        "analysis: child process gone",
        "analysis: job CANCELLED",
    )
    rows = [Row(name) for name in names]
    with EmbeddedServer() as server, redis.Redis.from_url(server.url, protocol=2) as client:
        variables = {
            "REDIS_URL": server.url,
            "WORKER_HEALTH_ADDR": "127.0.0.1:0",
            "WORKER_ACTOR_MODULES": "measure.endless",
            "LOG_LEVEL": "ERROR",
        }
        command = [sys.executable, "-m", "analysis_worker"]
        with (
            scheduler(server.url) as (address, _),
            running(command, variables) as worker,
            grpc.insecure_channel(address) as channel,
            TemporaryDirectory() as folder,
        ):
            bench = Bench(channel, client, psutil.Process(worker.pid))
            bench.put_debate()
            for _ in range(options.rounds):
                taken_ms = (
                    bench.cancel_reporting("wait_for_ever"),
                    bench.cancel_reporting("spin_for_ever"),
                    *bench.cancel_isolated(Path(folder)),
                    *bench.cancel_computing(),
                )
                for row, value in zip(rows, taken_ms, strict=True):
                    row.samples.append(Sample(value))
    Section("From CancelJob to the end", "ms", rows, bars=dict.fromkeys(names, "bar 100")).print()


if __name__ == "__main__":
    main()
