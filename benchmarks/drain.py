"""Jobs drained a second by two worker processes, fully tracked, and by stock Dramatiq beside it, in turn.

    python benchmarks/drain.py [--jobs 30000] [--rounds 1]

No-op jobs, one embedded server, one run. The rate is taken between 92 % and 5 % left, so that neither the
start of the processes nor the tail counts. Prints figures; asserts nothing.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from bothsides_stack.embedded import EmbeddedServer
from common.broker import JobBroker
from common.job.ids import new_job_id
from common.job.model import JobRequest
from common.store import jobs, stats

QUEUE = "bench"
#: Jobs in one submit.
CHUNK = 50


def actor_of(kind: str, client: redis.Redis) -> dramatiq.Actor[[int], None]:
    ours = kind == "ours"
    broker: dramatiq.Broker = JobBroker(client) if ours else RedisBroker(client=client, namespace="stock")

    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    def nothing(number: int) -> None: ...

    return nothing


def serve(kind: str, url: str, threads: int) -> None:
    """Run a worker until killed."""
    logging.disable(logging.CRITICAL)
    actor = actor_of(kind, redis.Redis.from_url(url, protocol=2))
    dramatiq.Worker(actor.broker, worker_threads=threads).start()
    sys.stdin.read()
    os._exit(0)


def fill(kind: str, client: Any, count: int) -> Callable[[], int]:
    """Queue `count` jobs; return what tells how many are left, running ones included."""
    actor = actor_of(kind, client)
    if kind == "stock":
        for number in range(count):
            actor.send(number)
        return lambda: int(client.hlen(f"stock:{QUEUE}.msgs"))
    assert isinstance(actor.broker, JobBroker)
    broker, keys = actor.broker, actor.broker.queues[QUEUE]
    for start in range(0, count, CHUNK):
        payloads = [actor.message(number).encode() for number in range(start, min(start + CHUNK, count))]
        requests = [JobRequest(new_job_id(QUEUE), QUEUE, "nothing", payload) for payload in payloads]
        broker.runner.run(jobs.submit(keys, requests))

    def left() -> int:
        now = broker.runner.run(stats.read_stats(keys, totals=False))
        return now.ready + now.leased

    return left


def measure(kind: str, url: str, count: int, threads: int) -> float:
    """Return jobs drained a second."""
    client = redis.Redis.from_url(url, protocol=2)
    client.flushall()
    left = fill(kind, client, count)
    command = [sys.executable, __file__, "--serve", kind, "--url", url, "--threads", str(threads)]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(2)]
    try:
        while (first := left()) > 0.92 * count:
            time.sleep(0.01)
        began_s = time.perf_counter()
        while (last := left()) > 0.05 * count:
            time.sleep(0.01)
        return (first - last) / (time.perf_counter() - began_s)
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=8, help=argparse.SUPPRESS)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.url, arguments.threads)
        return
    with EmbeddedServer() as server:
        for _ in range(arguments.rounds):
            for kind, threads in (("ours", 1), ("ours", 8), ("stock", 8)):
                rate = measure(kind, server.url, arguments.jobs, threads)
                print(f"{kind:6} 2 processes x {threads} threads  {rate:8.0f} jobs/s", flush=True)


if __name__ == "__main__":
    main()
