"""Actors in the way of Dramatiq's guide, with results and pipelines, for workers that tests start."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

dramatiq.get_broker().add_middleware(Results(backend=RedisBackend(url=os.environ["REDIS_URL"])))


@dramatiq.actor(store_results=True)
def add(left: int, right: int) -> int:
    return left + right


@dramatiq.actor(store_results=True)
def double(number: int) -> int:
    return 2 * number
