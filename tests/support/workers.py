"""A real Dramatiq worker on a real server, stopped at the end whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dramatiq

from common.broker import JobBroker


@contextmanager
def working(broker: JobBroker, *, threads: int = 4) -> Iterator[dramatiq.Worker]:
    """Run `broker`'s declared actors until the block ends."""
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=50)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
