"""Forks workers on request, fast: `effect_nursery.py URL NAMESPACE LEASE_MS`, with EFFECT_SINK set.

A line on standard input, its number of threads, starts one; its process id is the answer, once it takes jobs.
A worker ends when it is killed, or with SIGTERM after what it runs. Its clock is CLOCK_AHEAD_S ahead.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

import dramatiq

sys.path.insert(0, str(Path(__file__).parents[2]))

import support.chaos.sink  # noqa: F401  # so that the forks need not
from common.broker import JobBroker
from common.settings import StoreSettings
from common.store.clients import redis_client

_true_ns, _ahead_ns = time.time_ns, int(float(os.environ.get("CLOCK_AHEAD_S", "0")) * 1e9)
time.time_ns = lambda: _true_ns() + _ahead_ns
time.time = lambda: time.time_ns() / 1e9

url, namespace, lease_ms = sys.argv[1], sys.argv[2], int(sys.argv[3])


def work(threads: int, ready: int) -> None:
    """Be a worker until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    broker = JobBroker(redis_client(StoreSettings(url)), namespace=namespace, lease_ms=lease_ms)
    dramatiq.set_broker(broker)
    importlib.import_module("support.chaos.effects")
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=100)
    worker.start()
    os.write(ready, b"1")
    stop.wait()
    worker.stop()


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    for line in sys.stdin:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                work(int(line), writer)
            finally:
                os._exit(0)
        os.close(writer)
        os.read(reader, 1)
        os.close(reader)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
