"""All debates of a file at once through the running stack, watched live, while a worker is killed.

    python benchmarks/real_debates.py --data debates.jsonl [--workers 2]

Each line of the file is one debate: {"id", "title", "participants": [{"name", "role"}], "turns":
[{"turn_id", "speaker", "text", "start_s"?, "end_s"?}]}. Prints what the watchers saw, the counters, and
how long it took; exits 1 if a job did not succeed or a watcher missed its end.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bothsides.jobs import v1 as pb
from bothsides_client.client import Client
from bothsides_stack.supervisor import Supervisor

ROLES = {"moderator": pb.Participant.MODERATOR, "debater": pb.Participant.DEBATER}


def conversation_of(debate: Mapping[str, Any]) -> pb.Conversation:
    """Read one line of the file. Who neither moderates nor debates asks questions from the audience."""
    conversation = pb.Conversation(
        conversation_id=debate["id"], title=debate["title"], motion=debate.get("motion", "")
    )
    for participant in debate["participants"]:
        role = ROLES.get(participant["role"], pb.Participant.AUDIENCE)
        conversation.participants.add(participant_id=participant["name"], role=role)
    for turn in debate["turns"]:
        added = conversation.turns.add(
            turn_id=turn["turn_id"], participant_id=turn["speaker"], text=turn["text"]
        )
        if turn.get("start_s") is not None and turn.get("end_s") is not None:
            added.start_seconds, added.end_seconds = turn["start_s"], max(turn["start_s"], turn["end_s"])
    return conversation


class Watcher(threading.Thread):
    """Follows one job to its end, as a user interface would."""

    def __init__(self, client: Client, job_id: str) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._job_id = job_id
        self.states: list[str] = []
        self.parts: Counter[str] = Counter()
        self.progress = 0
        self.final: pb.Job | None = None

    def run(self) -> None:
        for message in self._client.watch_job(self._job_id, full=True):
            match message.WhichOneof("event"):
                case "snapshot":
                    self.final = message.snapshot
                case "state_change":
                    self.states.append(pb.Job.State.Name(message.state_change.state))
                case "partial_result":
                    self.parts[message.partial_result.part] += 1
                case "progress":
                    self.progress += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    debates = [json.loads(line) for line in arguments.data.read_text().splitlines() if line.strip()]
    environment = {"WORKER_CHILDREN": "1", "JOB_LEASE_MS": "5000", "WORKER_THREADS": "3"}
    with (
        Supervisor(workers=arguments.workers, env=environment, inherit=False) as stack,
        Client(stack.scheduler_addr, stack.monitor_addr) as client,
    ):
        began_s = time.monotonic()
        conversations = [client.put_conversation(conversation_of(debate)) for debate in debates]
        requests = [
            pb.Job(
                spec=pb.JobSpec(
                    transcript_analysis=pb.TranscriptAnalysisSpec(conversation_id=one.conversation_id)
                )
            )
            for one in conversations
        ]
        accepted = client.create_jobs(requests)
        job_ids = [each.job.job_id for each in accepted if each.job is not None]
        if len(job_ids) < len(debates):
            sys.exit(f"{len(debates) - len(job_ids)} of {len(debates)} jobs were refused")
        submitted_s = time.monotonic() - began_s
        watchers = [Watcher(client, job_id) for job_id in job_ids]
        for watcher in watchers:
            watcher.start()
        killed = _kill_one_on_the_way(stack, watchers)
        for watcher in watchers:
            watcher.join(timeout=600)
        elapsed_s = time.monotonic() - began_s
        time.sleep(2.5)  # the monitor reads the counters once a second
        [stats] = client.queue_stats("ai_analysis")
        sys.exit(_report(watchers, stats, submitted_s, elapsed_s, killed))


def _kill_one_on_the_way(stack: Supervisor, watchers: list[Watcher]) -> int:
    """SIGKILL the first worker when a third has ended and it holds jobs; start another. Return its pid."""
    while sum(not watcher.is_alive() for watcher in watchers) < len(watchers) // 3:
        time.sleep(0.05)
    victim = stack.processes["worker-1"].pid
    os.kill(victim, signal.SIGKILL)
    stack.add_worker()
    return victim


def _report(
    watchers: list[Watcher], stats: pb.QueueStats, submitted_s: float, elapsed_s: float, killed: int
) -> int:
    finals = Counter(
        pb.Job.State.Name(watcher.final.state) if watcher.final else "unseen" for watcher in watchers
    )
    lost = sum(watcher.final.lost_count for watcher in watchers if watcher.final)
    parts = sum((watcher.parts for watcher in watchers), Counter[str]())
    print(
        f"debates      {len(watchers)}, submitted in {submitted_s:.1f} s, all ended after {elapsed_s:.1f} s"
    )
    print(f"final states {dict(finals)}; worker {killed} was killed, {lost} attempts lost")
    print(f"watchers saw {sum(len(w.states) for w in watchers)} state changes, {sum(parts.values())} parts")
    print(f"             {sum(w.progress for w in watchers)} progress reports; parts {dict(parts)}")
    total = stats.total
    print(
        f"counters     submitted {total.submitted}, started {total.started}, succeeded {total.succeeded},"
        f" lost {total.lost}, failed {total.failed}, retried {total.retried}"
    )
    ended = all(watcher.states and watcher.states[-1] == "SUCCEEDED" for watcher in watchers)
    return 0 if ended and finals == {"SUCCEEDED": len(watchers)} else 1


if __name__ == "__main__":
    main()
