"""Enqueue to start on an idle worker, and the idle worker of stock Dramatiq beside it, in turn.

    python benchmarks/start_latency.py [--jobs 300] [--pause-ms 20]

Both brokers run one process with 4 threads on the same embedded server, in the same run. Prints
percentiles; asserts nothing: a machine that is busy shows it in both columns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from bothsides_stack.embedded import EmbeddedServer
from common.broker import JobBroker

STARTS = "bench:starts"


def broker_of(kind: str, client: redis.Redis) -> dramatiq.Broker:
    if kind == "ours":
        return JobBroker(client, namespace="bench")
    return RedisBroker(client=client, namespace="stock")


def actor_on(broker: dramatiq.Broker, client: redis.Redis) -> dramatiq.Actor[[float], None]:
    @dramatiq.actor(broker=broker, queue_name="bench")
    def stamp(sent_s: float) -> None:
        elapsed_ms = (time.clock_gettime(time.CLOCK_MONOTONIC) - sent_s) * 1000
        client.rpush(STARTS, elapsed_ms)

    return stamp


def serve(kind: str, url: str) -> None:
    """Run a worker until standard input ends."""
    client = redis.Redis.from_url(url, protocol=2)
    broker = broker_of(kind, client)
    actor_on(broker, client)
    worker = dramatiq.Worker(broker, worker_threads=4)
    worker.start()
    print("ready", flush=True)
    sys.stdin.read()
    worker.stop()


def measure(kind: str, url: str, jobs: int, pause_s: float) -> list[float]:
    """Send jobs one by one to a worker process; return the elapsed times (ms), sorted."""
    client = redis.Redis.from_url(url, protocol=2)
    client.delete(STARTS)
    actor = actor_on(broker_of(kind, client), client)
    command = [sys.executable, __file__, "--serve", kind, "--url", url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdin is not None
        worker.stdout.readline()
        for _ in range(jobs):
            actor.send(time.clock_gettime(time.CLOCK_MONOTONIC))
            time.sleep(pause_s)
        while int(client.llen(STARTS)) < jobs:
            time.sleep(0.05)
        worker.stdin.close()
    return sorted(float(value) for value in client.lrange(STARTS, 0, -1))


def report(kind: str, elapsed_ms: Sequence[float]) -> None:
    p50, p95, p99 = (elapsed_ms[int(share * (len(elapsed_ms) - 1))] for share in (0.5, 0.95, 0.99))
    print(
        f"{kind:6} n={len(elapsed_ms):4}  p50 {p50:7.2f} ms  p95 {p95:7.2f} ms  p99 {p99:7.2f} ms"
        f"  max {elapsed_ms[-1]:7.2f} ms  mean {statistics.fmean(elapsed_ms):7.2f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--pause-ms", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.url)
        return
    print(f"enqueue to start, one idle worker; load average {os.getloadavg()[0]:.1f}")
    with EmbeddedServer() as server:
        for _ in range(arguments.rounds):
            for kind in ("ours", "stock"):
                report(kind, measure(kind, server.url, arguments.jobs, arguments.pause_ms / 1000))


if __name__ == "__main__":
    main()
