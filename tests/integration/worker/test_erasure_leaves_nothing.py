"""After a conversation is erased with its jobs, nothing that was said in it stands anywhere on the server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from bothsides.jobs import v1 as pb
from common.job.states import JobState
from support.canaries import PEOPLE, planted_debate, seen_in
from support.openai_author import honest
from support.openai_server import Fault, OpenAiServer, openai_server
from support.scheduler import Served, serving
from support.waiting import wait_until, wait_until_async
from support.worker_program import Desk, worker_program

#: Said in the debate, by no name and no number.
SAID = b"the pillars will hold for ten years"


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(honest) as served:
        yield served


def holding(client: redis.Redis) -> dict[bytes, list[str]]:
    """Return all keys whose value, as the server itself would write it to its disk, holds what was said."""
    client.config_set("rdbcompression", "no")
    found = {}
    for key in client.scan_iter():
        dumped: Any = client.dump(key) or b""
        seen = seen_in(dumped) + ([SAID.decode()] if SAID in dumped else []) + seen_in(key)
        if seen:
            found[key] = seen
    return found


def told_of(client: redis.Redis) -> int:
    """Return how many parts the events tell of."""
    entries: Any = client.xrange("{bothsides:ai_analysis}:events")
    return sum(entry[b"1"].startswith(b"M\t") for _, entry in entries)


async def erase(served: Served, conversation_id: str) -> int:
    """Erase a conversation with its jobs, as often as some have not ended; return how many went."""
    gone = 0
    while True:
        request = pb.DeleteConversationRequest(
            conversation_id=conversation_id, delete_jobs=True, allow_missing=True
        )
        done = await served.conversations.DeleteConversation(request)
        gone += done.job_count
        if not done.ending_job_count:
            return gone


async def test_no_key_holds_what_was_said_once_it_is_erased(
    valkey: str, client: redis.Redis, tmp_path: Path, server: OpenAiServer
) -> None:
    desk = Desk(client)
    name = desk.put(planted_debate())
    about = {"conversation_id": name}
    asking = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": server.url, "JOB_LEASE_MS": "2000"}
    reflection = pb.ReflectionProcessingSpec(
        text=f"I think that {SAID.decode()}, as Thaddeus Ormwickle said.",
        conversation_id=name,
        participant_id=PEOPLE[0][0],
    )
    wait = asyncio.to_thread

    async with serving(valkey) as served:
        # Given a job that ended, and one whose worker was killed when it had made parts
        with worker_program(valkey, tmp_path, serving=True, **asking) as killed:
            ended = desk.analyse(name, job=about, include_detailed=True)
            assert (await wait(desk.final, ended)).job.state is JobState.SUCCEEDED
            server.faults = [Fault(silent=True)] * 100
            again = desk.analyse(name, job=about, force_refresh=True)
            await wait(wait_until, lambda: desk.snapshot(again).parts, timeout_s=60)
            killed.process.kill()
            killed.ended()
        server.faults.clear()
        with worker_program(valkey, tmp_path, serving=True, **asking):
            done = await wait(desk.final, again)
            # On a busy machine a lease of 2 s may run out once more
            assert done.job.state is JobState.SUCCEEDED
            assert done.job.attempt >= 2
            assert client.exists(f"{{bothsides:ai_analysis}}:former:{again}")
            # One that was cancelled and started anew, a reflection, and one that runs
            server.faults = [Fault(silent=True)] * 100
            anew = desk.analyse(name, job=about, force_refresh=True)
            await wait(wait_until, lambda: desk.snapshot(anew).parts, timeout_s=60)
            desk.cancel(anew)
            await wait(desk.final, anew)
            server.faults.clear()
            await served.jobs.RetryJob(pb.RetryJobRequest(job_id=anew))
            assert (await wait(desk.final, anew)).job.state is JobState.SUCCEEDED
            wrote = desk.order(pb.JobSpec(reflection_processing=reflection), **about)
            await wait(desk.final, wrote)
            server.faults = [Fault(silent=True)] * 100
            runs = desk.analyse(name, job=about, force_refresh=True)
            await wait(wait_until, lambda: desk.snapshot(runs).parts, timeout_s=60)
            assert told_of(client) > 15
            before = holding(client)
            assert {seen for held in before.values() for seen in held} > {"Ormwickle", SAID.decode()}
            assert not [key for key in before if key.endswith(b":events")]

            # When all of it is erased
            assert await erase(served, name) == 5

            # Then no key holds a word of it, whoever was under way
            await wait_until_async(lambda: wait(lambda: not holding(client)))
        assert holding(client) == {}
        assert told_of(client) > 15
