"""A server runs scripts as functions that it keeps, or as scripts where it has none: nobody sees which."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis
import redis.asyncio

from common.job.model import JobRequest
from common.store import jobs
from common.store.functions import OTHERS_KEPT, FunctionKeeper, Functions
from common.store.keys import QueueKeys
from common.store.operation import AsyncRunner, SyncRunner
from common.store.queues import declare_queue
from common.store.scripts import LIBRARY_PREFIX, script, script_names
from support.store import ordered_id
from support.waiting import wait_until_async

KEYS = QueueKeys("test", "default")


def ran(client: redis.Redis, form: str) -> int:
    """Return how many commands of a form the server ran, those that it refused left out."""
    told: Any = client.info("commandstats")
    row = told.get(f"cmdstat_{form}", {})
    return int(row.get("calls", 0)) - int(row.get("failed_calls", 0))


def libraries(client: redis.Redis) -> set[str]:
    listed: Any = client.function_list(f"{LIBRARY_PREFIX}*")
    return {entry[entry.index(b"library_name") + 1].decode() for entry in listed}


@pytest.fixture
def bare(client: redis.Redis) -> redis.Redis:
    """A server without any function, which has counted nothing yet."""
    client.function_flush()
    client.config_resetstat()
    return client


@pytest.fixture
def plain(bare: redis.Redis, valkey: str) -> Iterator[redis.Redis]:
    """A client of that server whose user may do all but call and load functions."""
    operator: Any = bare
    operator.execute_command(
        "ACL", "SETUSER", "plain", "reset", "on", ">plain", "~*", "&*", "+@all", "-function", "-fcall"
    )
    url = re.sub("//[^@]*@", "//plain:plain@", valkey)
    with redis.Redis.from_url(url, protocol=2) as connected:
        yield connected
    operator.execute_command("ACL", "DELUSER", "plain")


@pytest.fixture
async def looped(valkey: str) -> AsyncIterator[redis.asyncio.Redis]:
    """A client of that server for the test's event loop."""
    async with redis.asyncio.Redis.from_url(valkey, protocol=2) as connected:
        yield connected


def use(runner: SyncRunner) -> str:
    """Submit, fetch and read a job; return the state that it is in."""
    runner.run(declare_queue("test", "default"))
    runner.run(jobs.submit(KEYS, [JobRequest(ordered_id("default"), "default", "work", b"{}")]))
    fetched = runner.run(jobs.fetch(KEYS, consumer="c", number=1, want=1, lease_ms=30_000, worker="w"))
    snapshot = runner.run(jobs.get(KEYS, fetched.leases[0].job_id))
    assert snapshot is not None
    return snapshot.job.state.value


@pytest.mark.parametrize("name", script_names())
def test_every_script_can_be_a_function(name: str, bare: redis.Redis) -> None:
    bare.function_load(script(name).library)
    assert libraries(bare) == {script(name).function}


def test_every_script_compiles_with_a_few_locals_more(bare: redis.Redis) -> None:
    """Lua takes 200 in a script, with what it includes; in a function they are not all of one block."""
    for name in script_names():
        head, text = script(name).source.split("\n", 1)
        bare.script_load("\n".join((head, *(f"local more_{place}" for place in range(5)), text)))


def test_what_a_function_sets_once_no_call_changes() -> None:
    """Names in capitals; else a call would find what another one left."""
    changes = re.compile(
        r"\n +(?:[A-Z][A-Z0-9_]*(?:\.\w+|\[.*\])* = |table\.(?:insert|sort|remove)\([A-Z]).*(?<![,}])(?=\n)"
    )
    assert {name: found for name in script_names() if (found := changes.findall(script(name).source))} == {}


def test_a_call_finds_nothing_of_the_one_before_it(bare: redis.Redis) -> None:
    """The values of one call are no longer there in the next, although the function is the same."""
    runner = SyncRunner(bare)
    for number in (1, 2, 3):
        keys = QueueKeys("test", f"queue{number}")
        runner.run(declare_queue("test", keys.queue))
        ids = [ordered_id(keys.queue) for _ in range(number)]
        runner.run(jobs.submit(keys, [JobRequest(job_id, keys.queue, "work", b"{}") for job_id in ids]))
        fetch = jobs.fetch(keys, consumer="c", number=1, want=9, lease_ms=30_000, worker="w")
        assert [lease.job_id for lease in runner.run(fetch).leases] == ids
        counters = bare.hgetall(keys.all()[7])
        assert (counters[b"submitted"], counters[b"started"]) == (b"%d" % number, b"%d" % number)


def test_functions_are_loaded_when_they_are_missed(bare: redis.Redis) -> None:
    assert use(SyncRunner(bare)) == "RUNNING"
    assert (ran(bare, "fcall"), ran(bare, "evalsha"), ran(bare, "eval")) == (4, 0, 0)
    bare.function_flush()
    bare.flushall()
    assert use(SyncRunner(bare)) == "RUNNING"
    assert (ran(bare, "fcall"), ran(bare, "evalsha"), ran(bare, "eval")) == (8, 0, 0)


def test_who_may_not_call_functions_sends_scripts(bare: redis.Redis, plain: redis.Redis) -> None:
    assert use(SyncRunner(plain)) == "RUNNING"
    assert ran(bare, "fcall") == 0
    assert ran(bare, "evalsha") + ran(bare, "eval") == 4
    assert libraries(bare) == set()


def test_who_may_not_load_functions_calls_those_that_another_has_loaded(
    bare: redis.Redis, plain: redis.Redis
) -> None:
    operator: Any = bare
    operator.execute_command("ACL", "SETUSER", "plain", "+fcall")
    runner = SyncRunner(plain)
    assert use(runner) == "RUNNING"
    assert ran(bare, "fcall") == 0
    bare.flushall()

    use(SyncRunner(bare))
    before = ran(bare, "evalsha") + ran(bare, "eval")
    called = ran(bare, "fcall")
    bare.flushall()
    assert use(SyncRunner(plain)) == "RUNNING"
    assert ran(bare, "fcall") == called + 4
    assert ran(bare, "evalsha") + ran(bare, "eval") == before


def test_a_wait_and_a_function_are_one_round_trip(bare: redis.Redis) -> None:
    runner = SyncRunner(bare)
    runner.run(declare_queue("test", "default"))
    for number in (1, 2):  # the first time it has to be loaded
        fetch = jobs.fetch(KEYS, consumer="c", number=number, want=1, lease_ms=30_000, worker="w")
        assert runner.run_after(("BLPOP", KEYS.wake, 0.001), fetch).leases == []
    bare.function_flush()
    fetch = jobs.fetch(KEYS, consumer="c", number=3, want=1, lease_ms=30_000, worker="w")
    assert runner.run_after(("BLPOP", KEYS.wake, 0.001), fetch).leases == []
    assert ran(bare, "evalsha") == 0


def test_functions_of_versions_of_long_ago_go(bare: redis.Redis) -> None:
    old = [f"{LIBRARY_PREFIX}fetch_1_{number:040d}" for number in range(OTHERS_KEPT + 1)]
    other = f"{LIBRARY_PREFIX}fetch_more_1_{0:040d}"
    for name in (*old, other):
        bare.function_load(f"#!lua name={name}\nredis.register_function('{name}', function() return 1 end)")
    use(SyncRunner(bare))
    assert not libraries(bare) & set(old)
    assert libraries(bare) > {other, script("fetch").function}


async def test_an_event_loop_loads_them_too(bare: redis.Redis, looped: redis.asyncio.Redis) -> None:
    runner = AsyncRunner(looped)
    await runner.run(declare_queue("test", "default"))
    assert libraries(bare) == {script("declare").function}
    assert (ran(bare, "fcall"), ran(bare, "evalsha")) == (1, 0)


async def test_those_who_miss_one_at_the_same_time_load_it_once(
    bare: redis.Redis, looped: redis.asyncio.Redis
) -> None:
    runner = AsyncRunner(looped)
    await asyncio.gather(*(runner.run(declare_queue("test", "default")) for _ in range(20)))
    assert ran(bare, "function|load") == 1
    assert ran(bare, "fcall") == 20


async def test_the_keeper_loads_all_that_are_missing(bare: redis.Redis, looped: redis.asyncio.Redis) -> None:
    keeper = FunctionKeeper(looped, every_s=0.01)
    running = asyncio.create_task(keeper.run())
    try:
        await _until_all(bare)
        bare.function_delete(script("renew").function)
        await _until_all(bare)
    finally:
        await keeper.close()
    await running


async def _until_all(client: redis.Redis) -> None:
    every = {script(name).function for name in script_names()}

    async def there() -> bool:
        return libraries(client) == every

    await wait_until_async(there)


def test_what_is_absent_is_asked_for_again_later() -> None:
    now_s = [100.0]
    functions = Functions(enabled=True, now_s=lambda: now_s[0])
    fetch, finish = script("fetch"), script("finish")
    functions.note_absent(fetch)
    assert not functions.has(fetch)
    assert functions.has(finish)
    now_s[0] += 31
    assert functions.has(fetch)
    assert functions.is_missing(redis.exceptions.ResponseError("unknown command 'FCALL'"))
    assert not functions.has(finish)
    now_s[0] += 301
    assert functions.has(finish)


def test_other_refusals_are_not_for_want_of_a_function() -> None:
    functions = Functions(enabled=True)
    assert not functions.is_missing(redis.exceptions.ResponseError("OOM command not allowed"))
    assert functions.has(script("fetch"))
