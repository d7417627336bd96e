"""A pinned connection is one connection: what a pool mends in silence ends it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis

from common.errors import StoreUnavailable
from common.settings import StoreSettings
from common.store.clients import async_redis_client
from common.store.pinned import Pinned
from support.waiting import wait_until


def connections(client: redis.Redis, name: str) -> list[dict[str, Any]]:
    return [connection for connection in client.client_list() if connection["name"] == name]


async def test_a_connection_that_was_cut_between_two_commands_is_not_made_anew(
    valkey: str, client: redis.Redis
) -> None:
    async with async_redis_client(StoreSettings(valkey)) as main:
        pinned = await Pinned.to(main, "k", name="pinned")
        assert await pinned.command("SET", "k", 1) == b"OK"
        [before] = connections(client, "pinned")
        client.client_kill_filter(_id=before["id"])

        with pytest.raises(StoreUnavailable):
            await pinned.command("GET", "k")
        with pytest.raises(StoreUnavailable):
            await pinned.command("GET", "k")
        assert not pinned.is_open
        assert connections(client, "pinned") == []


async def test_a_refused_command_ends_it_as_well(valkey: str) -> None:
    """A redirection to another node, or a replica's refusal, is such an answer."""
    async with async_redis_client(StoreSettings(valkey)) as main:
        pinned = await Pinned.to(main, "k", name="pinned")
        with pytest.raises(StoreUnavailable):
            await pinned.command("LPUSH", "k")
        assert not pinned.is_open


async def test_so_does_a_reply_that_is_no_longer_waited_for(valkey: str, client: redis.Redis) -> None:
    async with async_redis_client(StoreSettings(valkey)) as main:
        pinned = await Pinned.to(main, "k", name="pinned")
        waiting = asyncio.create_task(pinned.command("BLPOP", "k", 2))
        await asyncio.to_thread(wait_until, lambda: connections(client, "pinned")[0]["cmd"] == "blpop")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not pinned.is_open


async def test_it_is_opened_again_by_name_only(valkey: str, client: redis.Redis) -> None:
    async with async_redis_client(StoreSettings(valkey)) as main:
        first, second = await Pinned.to(main, "k", name="one"), await Pinned.to(main, "k", name="other")
        await first.close()
        assert await second.command("PING") == b"PONG"
        assert (len(connections(client, "one")), len(connections(client, "other"))) == (0, 1)
        await second.close()


async def test_a_server_that_is_not_there_cannot_be_pinned() -> None:
    async with async_redis_client(StoreSettings("redis://127.0.0.1:1/0")) as main:
        with pytest.raises(StoreUnavailable):
            await Pinned.to(main, "k", name="pinned")
