"""Fixtures for all tests: a real server, empty for each test, and clients of it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))  # so that tests share `support`

from bothsides_stack.embedded import EmbeddedServer

# How long an example takes says how busy the machine is, and nothing else.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Started in the background by a shell, this process ignores interrupts, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[EmbeddedServer]:
    """One server for the whole run of this process."""
    with EmbeddedServer() as server:
        yield server


@pytest.fixture
def valkey(valkey_server: EmbeddedServer) -> str:
    """The URL of a real server that holds nothing."""
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    return valkey_server.url


@pytest.fixture
def client(valkey: str) -> Iterator[redis.Redis]:
    """A client of that server, as a broker takes it."""
    with redis.Redis.from_url(valkey, protocol=2) as connected:
        yield connected
