"""Clients of the real server: reply shapes, passwords, databases, and what a cut connection does to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis

from bothsides_stack.embedded import EmbeddedServer
from common.settings import StoreSettings
from common.store.clients import RETRIES, async_redis_client, redis_client


def cut_all_connections(url: str) -> None:
    """Make the server close every connection but the one that asks for it."""
    with redis.Redis.from_url(url) as administrator:
        administrator.client_kill_filter(_type="normal", skipme=True)


@asynccontextmanager
async def cutting(url: str, connections: int) -> AsyncIterator[str]:
    """Forward to the server at `url`, but cut the first connections when they send something.

    Yields the URL of the way through here.
    """
    server = urlsplit(url)
    left = connections
    tasks: list[asyncio.Task[None]] = []
    writers: list[asyncio.StreamWriter] = []

    async def forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        writers.append(writer)
        if left > 0:
            left -= 1
            await reader.read(1)
            writer.transport.abort()
            return
        upstream_reader, upstream_writer = await asyncio.open_connection(server.hostname, server.port)
        writers.append(upstream_writer)
        tasks.append(asyncio.create_task(forward(reader, upstream_writer)))
        tasks.append(asyncio.create_task(forward(upstream_reader, writer)))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield urlunsplit(server._replace(netloc=f":{server.password}@127.0.0.1:{port}"))
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        for writer in writers:
            writer.close()
        closing = [writer.wait_closed() for writer in writers]
        await asyncio.gather(*tasks, *closing, return_exceptions=True)


async def test_a_command_whose_connection_fails_is_sent_again_a_few_times(valkey: str) -> None:
    async with cutting(valkey, RETRIES) as url, async_redis_client(StoreSettings(url)) as client:
        assert await client.ping()


async def test_so_it_is_from_a_thread(valkey: str) -> None:
    async with cutting(valkey, RETRIES) as url:
        with redis_client(StoreSettings(url)) as client:
            assert await asyncio.to_thread(client.ping)


async def test_it_is_not_sent_again_for_ever(valkey: str) -> None:
    async with cutting(valkey, 1_000) as url, async_redis_client(StoreSettings(url)) as client:
        with pytest.raises(redis.exceptions.ConnectionError):
            await client.ping()


def test_replies_are_bytes_in_their_resp2_shapes(valkey: str) -> None:
    with redis_client(StoreSettings(valkey)) as client:
        client.hset("h", mapping={"a": "1"})

        assert client.hget("h", "a") == b"1"
        assert client.eval("return redis.call('HGETALL', KEYS[1])", 1, "h") == [b"a", b"1"]


async def test_asynchronous_replies_are_the_same(valkey: str) -> None:
    async with async_redis_client(StoreSettings(valkey)) as client:
        await client.hset("h", mapping={"a": "1"})
        assert await client.eval("return redis.call('HGETALL', KEYS[1])", 1, "h") == [
            b"a",
            b"1",
        ]


def test_a_connection_that_was_cut_is_made_anew_without_the_caller_noticing(valkey: str) -> None:
    with redis_client(StoreSettings(valkey)) as client:
        client.set("k", "1")
        cut_all_connections(valkey)

        assert client.get("k") == b"1"


async def test_so_is_an_asynchronous_one(valkey: str) -> None:
    async with async_redis_client(StoreSettings(valkey)) as client:
        await client.set("k", "1")
        await asyncio.to_thread(cut_all_connections, valkey)

        assert await client.get("k") == b"1"


def test_a_client_survives_a_restart_of_the_server() -> None:
    with EmbeddedServer() as server, redis_client(StoreSettings(server.url)) as client:
        client.set("k", "1")
        server.restart()

        assert client.get("k") == b"1"


async def test_a_burst_of_commands_uses_no_more_connections_than_it_may(valkey: str) -> None:
    async with async_redis_client(StoreSettings(valkey), name="burst", max_connections=4) as client:
        await asyncio.gather(*(client.incr("n") for _ in range(500)))
        connections = await client.client_list()

        assert await client.get("n") == b"500"
    assert 1 <= [entry["name"] for entry in connections].count("burst") <= 4


def test_connections_carry_their_services_name(valkey: str) -> None:
    with redis_client(StoreSettings(valkey), name="scheduler") as client:
        assert client.client_getname() in {b"scheduler", "scheduler"}


def test_a_server_that_is_not_there_is_a_connection_error() -> None:
    with (
        redis_client(StoreSettings("redis://127.0.0.1:1/0")) as client,
        pytest.raises(redis.exceptions.ConnectionError),
    ):
        client.ping()


async def test_a_command_that_the_kernel_does_not_take_at_once_arrives_whole(valkey: str) -> None:
    large = b"x" * 20_000_000
    async with async_redis_client(StoreSettings(valkey)) as client:
        sent = [client.set(f"large:{number}", large) for number in range(3)]
        assert await asyncio.gather(*sent) == [True] * 3

        assert await client.get("large:2") == large
        await client.delete("large:0", "large:1", "large:2")
