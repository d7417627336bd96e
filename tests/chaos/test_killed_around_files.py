"""Senders and workers are killed between a file and its job, again and again: none is lost, no file stays."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import redis

from common.files.directory import DirectoryStore
from common.files.files import Files
from common.job.states import JobState
from common.store import jobs, queues
from common.store.operation import SyncRunner
from support.broker_jobs import all_jobs
from support.files import stored
from support.programs import filing
from support.waiting import wait_until

KILLS = 3
LATER_MS = 10**8


def program(role: str, url: str, folder: Path, first: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "support.programs.filing", role, url, str(folder), str(first)]
    return subprocess.Popen(command, cwd=Path(__file__).parent.parent, stderr=subprocess.DEVNULL)


def has_moved(client: redis.Redis, sent: int, seen: int) -> bool:
    return client.scard("sent") > sent and client.scard("seen") > seen


def test_kills_lose_no_job_and_leave_no_file(valkey: str, client: redis.Redis, tmp_path: Path) -> None:
    broker = filing.broker_of(valkey, str(tmp_path))
    chance = random.Random(7)

    # Given a sender and a worker, each of which is killed in the middle of what it does, and replaced
    first = 0
    for _ in range(KILLS):
        first += 1_000
        sent, seen = client.scard("sent") + 2, client.scard("seen") + 2
        both = [program(role, valkey, tmp_path, first) for role in ("send", "work")]
        try:
            wait_until(partial(has_moved, client, sent, seen), timeout_s=60)
            wait_until(lambda: chance.random() < 0.01)
        finally:
            for process in both:
                process.kill()
                process.wait()

    # When one is left alone
    last = program("work", valkey, tmp_path, 0)
    try:
        wait_until(lambda: all(job.state.is_final for job in all_jobs(broker)), timeout_s=60)
    finally:
        last.kill()
        last.wait()

    # Then all jobs that were taken have run, each with the arguments that it was sent with
    ended = all_jobs(broker)
    assert {job.state for job in ended} == {JobState.SUCCEEDED}
    assert len(ended) >= 2 * client.scard("sent") > 2 * KILLS
    assert client.smembers("sent") <= client.smembers("seen")

    # And when they have gone, so have their files, also those whose senders had come no further
    runner, keys, files = SyncRunner(client), broker.queues["default"], Files(DirectoryStore(tmp_path))
    now_ms = time.time_ns() // 1_000_000
    for step in range(1, 4):
        while runner.run(queues.flush(keys)):
            pass
        due = runner.run(jobs.take_due(keys, 100_000, now_ms=now_ms + step * LATER_MS))
        lost = [
            name
            for page in files.names(keys)
            for name in runner.run(jobs.strays(keys, page, now_ms=now_ms + step * LATER_MS))
        ]
        files.remove(keys, due.names + lost)
    assert [path for path in stored(tmp_path) if not path.name.endswith(".tmp")] == []
    broker.close()
