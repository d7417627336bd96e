"""Placeholder maps are kept beside their conversations, one for each, and nobody else can read them."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from analysis_worker.paid.door import Door
from analysis_worker.paid.keeping import Keeping
from analysis_worker.vault.port import KeptMap
from analysis_worker.vault.store import MOST_BYTES, StoredVault
from bothsides.jobs import v1 as pb
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass
from common.job.states import JobState
from common.sealing import Sealer
from common.store import keys
from common.store.operation import SyncRunner, ThreadRunner
from support.debates import debate
from support.openai_author import honest
from support.openai_server import OpenAiServer, openai_server
from support.worker_program import NAMESPACE, Desk, worker_program

MAP = keys.asked_about(NAMESPACE, "acme", "bridge").placeholders
ORIGINAL = b'{"originals": {"[PERSON_1]": "Vandersloot"}}'


def vault(client: redis.Redis, key: bytes | None = None, keep_ms: int | None = None) -> StoredVault:
    keeping = Keeping(None if key is None else Sealer(key))
    return StoredVault(ThreadRunner(SyncRunner(client)), NAMESPACE, keeping=keeping, keep_ms=keep_ms)


def all_of(client: redis.Redis, key: bytes) -> bytes:
    """Return all that a key holds."""
    match client.type(key):
        case b"string":
            return repr(client.get(key)).encode()
        case b"hash":
            return repr(client.hgetall(key)).encode()
        case b"list":
            return repr(client.lrange(key, 0, -1)).encode()
        case b"set":
            return repr(client.smembers(key)).encode()
        case b"zset":
            return repr(client.zrange(key, 0, -1)).encode()
        case b"stream":
            return repr(client.xrange(key)).encode()
        case other:
            raise AssertionError(other)


@pytest.fixture
def kept(client: redis.Redis) -> redis.Redis:
    Desk(client, tenant="acme").put(debate(4))
    return client


async def test_the_first_of_two_maps_is_everybodys(kept: redis.Redis) -> None:
    one, other = vault(kept), vault(kept)
    nothing = await one.load("acme", "bridge")
    assert nothing == KeptMap()

    assert await one.keep("acme", "bridge", b"first", over=nothing)
    assert not await other.keep("acme", "bridge", b"second", over=nothing)
    found = await other.load("acme", "bridge")
    assert found.body == b"first"
    assert await other.keep("acme", "bridge", b"third", over=found)
    assert not await one.keep("acme", "bridge", b"fourth", over=found)
    assert (await one.load("acme", "bridge")).body == b"third"
    assert await one.load("other", "bridge") == KeptMap()


async def test_a_map_goes_with_its_conversation(kept: redis.Redis) -> None:
    assert await vault(kept).keep("acme", "bridge", b"first", over=KeptMap())
    assert kept.ttl(MAP) == -1
    conversation = keys.asked_about(NAMESPACE, "acme", "bridge").conversation

    # One that expires takes it with it
    kept.pexpire(conversation, 60_000)
    found = await vault(kept).load("acme", "bridge")
    assert await vault(kept).keep("acme", "bridge", b"second", over=found)
    assert 0 < kept.pttl(MAP) <= 60_000

    # Of one that is gone none is kept, and what is there still is removed
    kept.delete(conversation)
    found = await vault(kept).load("acme", "bridge")
    with pytest.raises(AttemptFailed) as caught:
        await vault(kept).keep("acme", "bridge", b"third", over=found)
    assert (caught.value.error_class, caught.value.reason) == (
        ErrorClass.INVALID_INPUT,
        "CONVERSATION_NOT_FOUND",
    )
    assert not kept.exists(MAP)


async def test_the_map_of_a_conversation_kept_elsewhere_lives_as_long_as_it_is_used(
    client: redis.Redis,
) -> None:
    elsewhere = vault(client, keep_ms=60_000)
    assert await elsewhere.keep("acme", "bridge", b"first", over=KeptMap())
    assert 0 < client.pttl(MAP) <= 60_000
    client.pexpire(MAP, 1_000)
    assert (await elsewhere.load("acme", "bridge")).body == b"first"
    assert client.pttl(MAP) > 1_000


async def test_a_sealed_map_opens_with_its_key_for_its_conversation_only(
    kept: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    key = os.urandom(32)
    assert await vault(kept, key).keep("acme", "bridge", ORIGINAL, over=KeptMap())
    assert b"Vandersloot" not in all_of(kept, MAP.encode())
    assert (await vault(kept, key).load("acme", "bridge")).body == ORIGINAL

    other = keys.asked_about(NAMESPACE, "acme", "other").placeholders
    kept.copy(MAP, other)
    with caplog.at_level(logging.DEBUG):
        assert (await vault(kept, key).load("acme", "other")).body is None
        assert (await vault(kept).load("acme", "bridge")).body is None
        unread = await vault(kept, os.urandom(32)).load("acme", "bridge")
    assert unread.body is None
    said = [record.getMessage() for record in caplog.records]
    assert said == ["a placeholder map cannot be read, as with another key: it is made anew"] * 3

    # It is made anew in the place of the one that nobody can read
    assert await vault(kept).keep("acme", "bridge", b"anew", over=unread)
    assert (await vault(kept).load("acme", "bridge")).body == b"anew"


async def test_a_map_that_is_too_large_is_not_kept(kept: redis.Redis) -> None:
    assert await vault(kept).keep("acme", "bridge", os.urandom(MOST_BYTES + 1), over=KeptMap())
    assert not kept.exists(MAP)


async def test_no_map_is_kept_for_whom_no_text_may_leave(kept: redis.Redis) -> None:
    shut = StoredVault(ThreadRunner(SyncRunner(kept)), NAMESPACE, door=Door(shut_for=frozenset({"acme"})))
    assert await shut.keep("acme", "bridge", ORIGINAL, over=KeptMap())
    assert not kept.exists(MAP)


async def test_a_store_that_is_away_is_a_passing_failure() -> None:
    away = vault(redis.Redis(port=1, socket_connect_timeout=0.1))
    with pytest.raises(AttemptFailed) as caught:
        await away.load("acme", "bridge")
    assert caught.value.error_class is ErrorClass.TRANSIENT


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(honest) as served:
        yield served


def analysed(desk: Desk, name: str) -> pb.DebateAnalysis:
    done = desk.final(desk.analyse(name, include_detailed=True))
    assert done.job.state is JobState.SUCCEEDED, done.job.error
    assert done.result is not None
    return pb.JobResult.FromString(done.result.data).analysis


def sent(server: OpenAiServer, since: int = 0) -> str:
    return "\n".join(json.dumps(json.loads(body)["messages"]) for body, _ in server.heard[since:])


def test_a_debate_that_goes_on_keeps_its_placeholders(
    valkey: str, client: redis.Redis, tmp_path: Path, server: OpenAiServer
) -> None:
    desk = Desk(client)
    talked = debate(8)
    talked.turns[3].text += " I had that from Tamsin Ostrova, at tamsin@example.org."
    name = desk.put(talked)
    key, other = "A" * 43 + "=", "B" * 43 + "="
    asking = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": server.url}
    kept = keys.asked_about(NAMESPACE, desk.tenant, name).placeholders
    with worker_program(valkey, tmp_path, serving=True, STORE_ENCRYPTION_KEY=key, **asking):
        analysed(desk, name)
        assert "from [PERSON_1], at [EMAIL_1]." in sent(server)
        first = client.hgetall(kept)

        # Once more the map is only read
        analysed(desk, name)
        assert client.hgetall(kept) == first

        # What is said later, even before the rest, moves nothing
        talked.turns[1].text += " It was Halvorsen who wrote to piet@example.org."
        desk.put(talked)
        asked = len(server.heard)
        analysed(desk, name)
        later = sent(server, asked)
        assert "from [PERSON_1], at [EMAIL_1]." in later
        assert "It was [PERSON_2] who wrote to [EMAIL_2]." in later
        assert client.hgetall(kept) != first

    # With another key the map is made anew, and that is said
    with worker_program(valkey, tmp_path, serving=True, STORE_ENCRYPTION_KEY=other, **asking) as program:
        asked = len(server.heard)
        analysed(desk, name)
        assert "from [PERSON_2], at [EMAIL_2]." in sent(server, asked)
        assert "a placeholder map cannot be read" in program.log.read_text()

    # Originals stand in the conversation, and as evidence in results and parts for those who may read them.
    # What they were sent as stands beside them nowhere.
    originals = (b"Ostrova", b"tamsin@example.org", b"Halvorsen", b"piet@example.org")
    payloads = (":item:", ":result:", ":parts:", ":former:")
    for key in client.scan_iter():
        payload = any(kind in key.decode() for kind in payloads)
        held = all_of(client, key)
        assert not [one for one in (b"[PERSON_", b"[EMAIL_") if one in held], key
        assert payload or not [original for original in originals if original in held], key
    logged = b"".join(path.read_bytes() for path in tmp_path.rglob("*.log"))
    assert not [original for original in originals if original in logged + sent(server).encode()]
