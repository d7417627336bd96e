"""A real scheduler, and the command line in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis
from typer.testing import CliRunner, Result

from bothsides_client.cli.app import build_app
from bothsides_client.client import Client
from support.background import scheduler_in_background
from support.scheduler import BareWorker

Command = Callable[..., Result]


@pytest.fixture
def scheduler_addr(valkey: str) -> Iterator[str]:
    with scheduler_in_background(valkey) as address:
        yield address


@pytest.fixture
def caller(scheduler_addr: str) -> Iterator[Client]:
    with Client(scheduler_addr) as client:
        yield client


@pytest.fixture
def worker(client: redis.Redis) -> BareWorker:
    """Works on the queue of generic jobs."""
    return BareWorker(client)


@pytest.fixture
def command(scheduler_addr: str) -> Command:
    """Run `bothsides` against the scheduler; `answer` is what the person types."""

    def command(*arguments: str, answer: str = "") -> Result:
        runner = CliRunner(env={"BOTHSIDES_SCHEDULER_ADDR": scheduler_addr, "COLUMNS": "200"})
        return runner.invoke(build_app(), arguments, input=answer)

    return command
