"""The worker processes that are measured: a plain Dramatiq worker on our broker or on the stock one.

    python -m measure.workers ours|stock URL --threads 8 [--work nothing|progress|stamp|sleep]

Runs until standard input ends.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from common.broker import JobBroker
from common.broker.running import current_job

QUEUE = "bench"
#: Where `stamp` leaves how long each job waited (ms), and `sleep` when each started and for whom.
STAMPS = "bench:stamps"
#: Where `sleep` leaves how long each job ran (s), whatever the machine made of its 20 ms.
LENGTHS = "bench:lengths"
UPDATES = 10
SLEEP_S = 0.02


def broker_of(kind: str, client: redis.Redis) -> dramatiq.Broker:
    if kind == "ours":
        return JobBroker(client)
    return RedisBroker(client=client, namespace="stock")


def actors_on(broker: dramatiq.Broker, client: redis.Redis) -> dict[str, dramatiq.Actor[[float], None]]:
    """Declare every kind of work; each takes one number."""

    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    def nothing(number: float) -> None: ...

    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    def progress(number: float) -> None:
        job = current_job()
        assert job is not None
        for update in range(UPDATES):
            job.report(update / UPDATES, f"step {update}")

    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    def stamp(sent_s: float) -> None:
        client.rpush(STAMPS, (monotonic_s() - sent_s) * 1000)

    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    def sleep(sent_s: float) -> None:
        job = current_job()
        assert job is not None
        began_s = monotonic_s()
        client.rpush(STAMPS, f"{began_s - sent_s} {job.tenant} {job.attempt} {time.time()}")
        time.sleep(SLEEP_S)
        client.rpush(LENGTHS, monotonic_s() - began_s)

    return {actor.actor_name: actor for actor in (nothing, progress, stamp, sleep)}


def monotonic_s() -> float:
    """Return a clock that all processes of this machine share."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("kind", choices=["ours", "stock"])
    parser.add_argument("url")
    parser.add_argument("--threads", type=int, default=8)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    client = redis.Redis.from_url(options.url, protocol=2)
    broker = broker_of(options.kind, client)
    actors_on(broker, client)
    dramatiq.Worker(broker, worker_threads=options.threads).start()
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
