"""Lean connections send the bytes that redis-py itself would send, whatever their kind."""

from __future__ import annotations

from typing import Any

import redis.asyncio
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio.connection import Connection, UnixDomainSocketConnection

from common.store.lean import make_lean

ARGUMENTS = st.text() | st.binary() | st.integers() | st.floats(allow_nan=False)


@given(st.sampled_from(["GET", "CONFIG GET", b"SET"]), st.lists(ARGUMENTS))
def test_a_command_is_the_same_bytes(
    command: str | bytes, arguments: list[str | bytes | int | float]
) -> None:
    pool: Any = redis.asyncio.ConnectionPool()
    make_lean(pool)

    packed = pool.make_connection().pack_command(command, *arguments)

    assert b"".join(packed) == b"".join(Connection().pack_command(command, *arguments))


def test_it_works_on_connections_of_any_kind() -> None:
    pool: Any = redis.asyncio.ConnectionPool(connection_class=UnixDomainSocketConnection, path="/nowhere")
    make_lean(pool)

    assert isinstance(pool.make_connection(), UnixDomainSocketConnection)
