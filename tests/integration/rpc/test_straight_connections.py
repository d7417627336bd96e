"""The connections that scripts of threads go over: replies to their calls, nothing lost when one fails."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest
import redis

from common.job.ids import new_job_id
from common.job.model import JobRequest
from common.settings import StoreSettings
from common.store import jobs
from common.store.clients import redis_client
from common.store.cluster import SyncCluster
from common.store.jobs import Accepted
from common.store.keys import queue_keys
from common.store.operation import SyncRunner
from common.store.shared import NotAnswered
from common.store.straight import FREE_MAX, IDLE_S, REST_S, StraightConnections, straight_connections
from support.proxied import proxy_before, url_behind
from support.proxy import LossyProxy
from support.waiting import wait_until

KEYS = queue_keys("test", "exports")
NAME = "straight-test"
ECHO = ("ECHO", "hello")


@pytest.fixture
def proxy(valkey: str) -> Iterator[LossyProxy]:
    with proxy_before(valkey) as between:
        yield between


def client_of(url: str) -> redis.Redis:
    made = redis_client(StoreSettings(url), name=NAME)
    assert isinstance(made, redis.Redis)
    return made


def request() -> JobRequest:
    return JobRequest(new_job_id("exports"), "exports", "work", b"{}")


def connections(administrator: redis.Redis) -> int:
    return sum(found["name"] == NAME for found in administrator.client_list())


def test_each_thread_gets_the_replies_to_its_own_commands(valkey: str, client: redis.Redis) -> None:
    straight = StraightConnections(client_of(valkey))

    def ask(number: int) -> list[bytes]:
        return straight.exchange([("ECHO", f"{number}a"), ("ECHO", f"{number}b")])

    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(ask, range(200)))
    assert replies == [[b"%da" % number, b"%db" % number] for number in range(200)]
    assert 1 <= connections(client) <= 8


def test_a_command_that_the_kernel_takes_in_parts_is_sent_whole(valkey: str) -> None:
    large = bytes(range(256)) * 30_000
    assert StraightConnections(client_of(valkey)).exchange([("ECHO", large), ECHO]) == [large, b"hello"]


def test_what_the_server_pushes_passes_for_no_reply(valkey: str, client: redis.Redis) -> None:
    straight = StraightConnections(redis.Redis.from_url(valkey, protocol=3))
    straight.exchange([("CLIENT", "TRACKING", "ON", "BCAST")])
    client.set("watched", "1")
    assert straight.exchange([ECHO, ("GET", "watched")]) == [b"hello", b"1"]


def test_all_runners_of_a_client_share_them(valkey: str, client: redis.Redis) -> None:
    server = client_of(valkey)
    for _ in range(5):
        SyncRunner(server).run(jobs.submit(KEYS, [request()]))
    assert straight_connections(server) is straight_connections(server)
    assert connections(client) == 1


def test_a_refusal_takes_its_place_among_the_replies(valkey: str) -> None:
    straight = StraightConnections(client_of(valkey))
    first, refusal, last = straight.exchange([ECHO, ("EVALSHA", "0" * 40, 0), ECHO])
    assert (first, last) == (b"hello", b"hello")
    assert isinstance(refusal, redis.exceptions.NoScriptError)


def test_a_reply_that_is_lost_is_asked_for_elsewhere_and_the_job_is_there_once(
    proxy: LossyProxy, valkey: str, client: redis.Redis
) -> None:
    runner = SyncRunner(client_of(url_behind(proxy, valkey)))
    runner.run(jobs.submit(KEYS, [request()]))
    wanted = request()
    proxy.lose_reply_of(wanted.job_id)

    [reply] = runner.run(jobs.submit(KEYS, [wanted]))

    assert proxy.lost == 1
    assert isinstance(reply, Accepted)
    assert client.hget(f"{KEYS.prefix}counters", "submitted") == b"2"


def test_what_is_cut_is_left_to_the_client_and_made_anew_later(valkey: str, client: redis.Redis) -> None:
    now_s = [monotonic()]
    straight = StraightConnections(client_of(valkey), now_s=lambda: now_s[0])
    assert straight.exchange([ECHO]) == [b"hello"]
    client.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(NotAnswered):
        straight.exchange([ECHO])
    with pytest.raises(NotAnswered):
        straight.exchange([ECHO])
    now_s[0] += REST_S
    assert straight.exchange([ECHO]) == [b"hello"]


def test_one_that_was_idle_for_long_is_not_trusted(valkey: str, client: redis.Redis) -> None:
    now_s = [monotonic()]
    straight = StraightConnections(client_of(valkey), now_s=lambda: now_s[0])
    [before] = straight.exchange([("CLIENT", "ID")])
    now_s[0] += IDLE_S - 1
    assert straight.exchange([("CLIENT", "ID")]) == [before]
    now_s[0] += IDLE_S + 1
    assert straight.exchange([("CLIENT", "ID")]) != [before]
    wait_until(lambda: connections(client) == 1)


def test_a_server_that_no_longer_writes_is_left_to_the_client(valkey: str, client: redis.Redis) -> None:
    straight = StraightConnections(client_of(valkey))
    client.execute_command("REPLICAOF", "127.0.0.1", "1")  # type: ignore[no-untyped-call]
    try:
        with pytest.raises(NotAnswered):
            straight.exchange([("SET", "a", "1")])
    finally:
        client.execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]


def test_a_thread_that_is_interrupted_leaves_no_reply_for_the_next(valkey: str, client: redis.Redis) -> None:
    """As Dramatiq's time limits do it: an exception in the middle of whatever the thread is at."""
    straight = StraightConnections(client_of(valkey))
    ended: list[BaseException] = []

    class Interrupted(BaseException): ...

    def wait() -> None:
        try:
            while True:
                straight.exchange([("BLPOP", "nothing", 0.1)])
        except Interrupted as error:
            ended.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until(lambda: connections(client) == 1)
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Interrupted))
    thread.join(10)
    assert len(ended) == 1
    assert straight.exchange([ECHO]) == [b"hello"]


def test_no_more_are_kept_than_may_be(valkey: str, client: redis.Redis) -> None:
    straight = StraightConnections(client_of(valkey))
    count = FREE_MAX + 4
    together = threading.Barrier(count)

    def ask(_: int) -> list[bytes]:
        together.wait(10)
        return straight.exchange([("BLPOP", "nothing", 0.2)])

    with ThreadPoolExecutor(count) as threads:
        assert list(threads.map(ask, range(count))) == [[None]] * count
    # Two threads that give one back in the same moment may both find one too many
    wait_until(lambda: connections(client) <= FREE_MAX)
    assert connections(client) > FREE_MAX // 2


def test_a_forked_process_has_its_own(valkey: str) -> None:
    straight = StraightConnections(client_of(valkey))
    [mine] = straight.exchange([("CLIENT", "ID")])
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            [other] = straight.exchange([("CLIENT", "ID")])
            os.write(writer, b"%d" % other)
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert int(os.read(reader, 20)) != mine
    assert straight.exchange([("CLIENT", "ID")]) == [mine]


def test_a_cluster_has_none() -> None:
    assert straight_connections(SyncCluster([("127.0.0.1", 1)])) is None
