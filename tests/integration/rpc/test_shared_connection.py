"""The connection that scripts share: replies in order, and nothing is lost when it gives up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import pytest
import redis

from common.job.ids import new_job_id
from common.job.model import JobRequest
from common.settings import StoreSettings
from common.store import jobs
from common.store.clients import async_redis_client, shared_connection
from common.store.jobs import Accepted
from common.store.keys import queue_keys
from common.store.operation import AsyncRunner
from common.store.shared import MAX_WAITING, NotAnswered, SharedConnection
from support.proxied import proxy_before, url_behind
from support.proxy import LossyProxy
from support.waiting import wait_until_async

KEYS = queue_keys("test", "exports")
NAME = "shared-test"


@pytest.fixture
def proxy(valkey: str) -> Iterator[LossyProxy]:
    with proxy_before(valkey) as between:
        yield between


@asynccontextmanager
async def opened(
    url: str, *, reply_s: float = 5.0, now_s: Callable[[], float] = monotonic
) -> AsyncIterator[tuple[AsyncRunner, SharedConnection]]:
    """Yield a connection that is up, and a runner that uses it."""
    client: Any = async_redis_client(StoreSettings(url), name=NAME)
    shared = SharedConnection(client, reply_s=reply_s, idle_s=15.0, now_s=now_s)
    try:
        await wait_until_async(lambda: _answers(shared))
        yield AsyncRunner(client, shared=shared), shared
    finally:
        await shared.aclose()
        await client.aclose()


async def _answers(shared: SharedConnection) -> bool:
    try:
        return bool(await shared.call(("PING",)) == b"PONG")
    except NotAnswered:
        return False


def request() -> JobRequest:
    return JobRequest(new_job_id("exports"), "exports", "work", b"{}")


def connections(valkey: str) -> int:
    with redis.Redis.from_url(valkey) as administrator:
        return sum(found["name"] == NAME for found in administrator.client_list())


async def test_calls_that_are_made_together_each_get_their_own_reply(valkey: str) -> None:
    async with opened(valkey) as (_, shared):
        replies = await asyncio.gather(*(shared.call(("ECHO", str(number))) for number in range(200)))

    assert replies == [str(number).encode() for number in range(200)]


async def test_they_share_one_connection(valkey: str) -> None:
    async with opened(valkey) as (runner, _):
        requests = [request() for _ in range(50)]
        await asyncio.gather(*(runner.run(jobs.submit(KEYS, [one])) for one in requests))

        # The function may have been new to the server, which was then loaded over the same connection.
        assert connections(valkey) == 1


async def test_a_caller_who_leaves_takes_no_others_reply(valkey: str) -> None:
    async with opened(valkey) as (_, shared):
        left = asyncio.create_task(shared.call(("ECHO", "left")))
        stayed = asyncio.create_task(shared.call(("ECHO", "stayed")))
        await asyncio.sleep(0)
        left.cancel()

        assert await stayed == b"stayed"


async def test_a_refusal_reaches_its_caller_alone(valkey: str) -> None:
    async with opened(valkey) as (_, shared):
        calls = [shared.call(("EVALSHA", "0" * 40, 0)), shared.call(("ECHO", "hello"))]
        replies: list[Any] = await asyncio.gather(*calls, return_exceptions=True)

    assert isinstance(replies[0], redis.exceptions.NoScriptError)
    assert replies[1] == b"hello"


async def test_the_first_call_of_all_does_not_wait_for_it(valkey: str) -> None:
    client: Any = async_redis_client(StoreSettings(valkey), name=NAME)
    shared = shared_connection(client)
    assert shared is not None
    try:
        with pytest.raises(NotAnswered):
            await shared.call(("PING",))
        assert await AsyncRunner(client, shared=shared).run(jobs.submit(KEYS, [request()]))
    finally:
        await shared.aclose()
        await client.aclose()


async def test_all_that_come_while_it_is_opened_wait_for_it(valkey: str) -> None:
    """Else a burst of calls after a pause would open a connection for each."""
    client: Any = async_redis_client(StoreSettings(valkey), name=NAME)
    shared = shared_connection(client)
    assert shared is not None
    try:
        runner = AsyncRunner(client, shared=shared)
        requests = [request() for _ in range(50)]
        await asyncio.gather(*(runner.run(jobs.submit(KEYS, [one])) for one in requests))

        # That of the first one, which waits for nobody, and the one that the others share
        assert connections(valkey) == 2
    finally:
        await shared.aclose()
        await client.aclose()


async def test_who_comes_while_it_cannot_be_opened_goes_another_way(valkey: str, proxy: LossyProxy) -> None:
    client: Any = async_redis_client(StoreSettings(url_behind(proxy, valkey)), name=NAME)
    shared = shared_connection(client)
    assert shared is not None
    try:
        with proxy.away():
            calls = [shared.call(("PING",)) for _ in range(3)]
            replies = await asyncio.gather(*calls, return_exceptions=True)
    finally:
        await shared.aclose()
        await client.aclose()

    assert [type(reply) for reply in replies] == [NotAnswered] * 3


async def test_a_reply_that_is_lost_is_asked_for_elsewhere_and_the_job_is_there_once(
    proxy: LossyProxy, valkey: str, client: redis.Redis
) -> None:
    async with opened(url_behind(proxy, valkey)) as (runner, _):
        await runner.run(jobs.submit(KEYS, [request()]))
        wanted = request()
        proxy.lose_reply_of(wanted.job_id)

        replies = await runner.run(jobs.submit(KEYS, [wanted]))

    assert proxy.lost == 1
    assert isinstance(replies[0], Accepted)
    assert client.hget(f"{KEYS.prefix}counters", "submitted") == b"2"


async def test_a_server_that_is_silent_costs_as_long_as_a_reply_may_take(
    proxy: LossyProxy, valkey: str
) -> None:
    async with opened(url_behind(proxy, valkey), reply_s=0.2) as (runner, shared):
        wanted = request()
        await runner.run(jobs.submit(KEYS, [request()]))
        proxy.withhold_reply_of(wanted.job_id)

        replies = await runner.run(jobs.submit(KEYS, [wanted]))

        assert proxy.withheld == 1
        assert isinstance(replies[0], Accepted)
        await wait_until_async(lambda: _answers(shared))


async def test_one_that_is_cut_is_opened_again(valkey: str) -> None:
    async with opened(valkey) as (_, shared):
        first = await shared.call(("CLIENT", "ID"))
        with redis.Redis.from_url(valkey) as administrator:
            administrator.client_kill_filter(_type="normal", skipme=True)

        await wait_until_async(lambda: _answers(shared))
        assert await shared.call(("CLIENT", "ID")) != first


async def test_one_that_was_idle_for_long_is_not_trusted(valkey: str) -> None:
    passed_s = 0.0
    async with opened(valkey, now_s=lambda: monotonic() + passed_s) as (_, shared):
        passed_s = 14.0
        assert await _answers(shared)
        passed_s = 30.0
        with pytest.raises(NotAnswered):
            await shared.call(("PING",))

        await wait_until_async(lambda: _answers(shared))


async def test_a_server_that_no_longer_writes_is_left_to_the_client(valkey: str) -> None:
    async with opened(valkey) as (_, shared):
        with redis.Redis.from_url(valkey) as administrator:
            administrator.replicaof("127.0.0.1", 1)
            try:
                with pytest.raises(NotAnswered):
                    await shared.call(("SET", "key", "value"))
            finally:
                administrator.replicaof("NO", "ONE")


async def test_more_calls_than_it_takes_go_other_ways(valkey: str) -> None:
    async with opened(valkey) as (_, shared):
        calls = [shared.call(("ECHO", "x")) for _ in range(MAX_WAITING + 10)]
        replies = await asyncio.gather(*calls, return_exceptions=True)

        assert replies[:MAX_WAITING] == [b"x"] * MAX_WAITING
        assert all(isinstance(reply, NotAnswered) for reply in replies[MAX_WAITING:])
        assert await shared.call(("ECHO", "y")) == b"y"


async def test_who_waits_when_it_is_closed_learns_of_it(proxy: LossyProxy, valkey: str) -> None:
    async with opened(url_behind(proxy, valkey)) as (_, shared):
        proxy.withhold_reply_of("hello")
        call = asyncio.create_task(shared.call(("ECHO", "hello")))
        await asyncio.sleep(0)
        await shared.aclose()

        with pytest.raises(NotAnswered):
            await call
