"""A module for the `dramatiq` command whose middleware has a process of its own, and whose jobs name theirs.

The server is named by CLI_ACTORS_URL; each process writes to the set `processes` what it is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import dramatiq
import redis
from dramatiq.middleware import Middleware

from common.broker import JobBroker

client = redis.Redis.from_url(os.environ["CLI_ACTORS_URL"], protocol=2)
broker = JobBroker(client, namespace="cli")


def beside() -> int:
    client.sadd("processes", f"fork {os.getpid()}")
    while os.getppid() != 1:
        time.sleep(0.1)
    return 0


class HasAFork(Middleware):
    @property
    def forks(self) -> list[Callable[[], int]]:
        return [beside]


broker.add_middleware(HasAFork())
dramatiq.set_broker(broker)


@dramatiq.actor
def work(number: int) -> None:
    client.sadd("processes", f"worker {os.getpid()}")
    client.rpush("ran", number)
    time.sleep(0.02)
