"""A worker as a program of its own, to be killed: `effect_worker.py URL NAMESPACE LEASE_MS`.

Its actor has an effect outside, written through a sink that refuses a job it has seen: the server's
hash `effects`. Each run is counted too, in the list `runs`.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading

import dramatiq
import redis

from common.broker import JobBroker, current_job

url, namespace, lease_ms = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = redis.Redis.from_url(url, protocol=2)
broker = JobBroker(client, namespace=namespace, lease_ms=lease_ms)
dramatiq.set_broker(broker)


@dramatiq.actor(max_retries=50, min_backoff=10, max_backoff=50)
async def effect(number: int, duration_ms: int) -> None:
    job = current_job()
    assert job is not None
    await asyncio.to_thread(client.rpush, "runs", job.lease.member)
    await asyncio.sleep(duration_ms / 1000)
    await asyncio.to_thread(client.hsetnx, "effects", job.job_id, number)


def main() -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    worker = dramatiq.Worker(broker, worker_threads=4, worker_timeout=100)
    worker.start()
    print("ready", flush=True)
    stop.wait()
    worker.stop()


if __name__ == "__main__":
    main()
