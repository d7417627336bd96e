"""What a worker has had made of a conversation by a model is erased over gRPC, at rest and under way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from bothsides.jobs import v1 as pb
from common.job.states import JobState
from common.store import keys
from common.store.provider.budgets import read_budgets
from support.debates import debate
from support.openai_author import honest
from support.openai_server import Fault, OpenAiServer, openai_server
from support.scheduler import Served, serving
from support.waiting import wait_until
from support.worker_program import NAMESPACE, Desk, worker_program


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(honest) as served:
        yield served


def answers(client: redis.Redis) -> int:
    return sum(1 for _ in client.scan_iter("*:answer:*"))


async def erase(served: Served, name: str, **fields: bool) -> pb.DeleteConversationResponse:
    request = pb.DeleteConversationRequest(conversation_id=name, **fields)
    return await served.conversations.DeleteConversation(request)


async def analysed(desk: Desk, name: str) -> pb.DebateAnalysis:
    done = await asyncio.to_thread(lambda: desk.final(desk.analyse(name, job={"conversation_id": name})))
    assert done.job.state is JobState.SUCCEEDED, done.job.error
    assert done.result is not None
    return pb.JobResult.FromString(done.result.data).analysis


async def test_what_a_worker_kept_of_a_conversation_goes_with_it(
    valkey: str, client: redis.Redis, tmp_path: Path, server: OpenAiServer
) -> None:
    desk = Desk(client)
    name, other = desk.put(debate(8)), desk.put(debate(9, conversation_id="other"))
    asking = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": server.url}
    kept = keys.asked_about(NAMESPACE, desk.tenant, name)
    async with serving(valkey) as served:
        with worker_program(valkey, tmp_path, serving=True, **asking):
            await analysed(desk, other)
            others = answers(client)
            await analysed(desk, name)
            mine = answers(client) - others
            assert mine >= 3
            assert client.zcard(kept.answers) == mine
            paid = desk.run(read_budgets(NAMESPACE, desk.tenant)).total.cost_micro_usd

            done = await erase(served, name)
            assert (done.answer_count, done.analysis_deleted) == (mine, True)
            assert answers(client) == others
            assert not client.exists(kept.conversation, kept.placeholders, kept.answers)
            assert desk.run(read_budgets(NAMESPACE, desk.tenant)).total.cost_micro_usd == paid > 0

            # Jobs go as well, if that is asked for: those that are final, and on this one
            every = pb.ListJobsRequest(filter='conversation_id = "other" OR conversation_id = "bridge"')
            assert len((await served.jobs.ListJobs(every)).jobs) == 2
            assert (await erase(served, name, delete_jobs=True)).job_count == 1
            assert [each.conversation_id for each in (await served.jobs.ListJobs(every)).jobs] == ["other"]
            assert (await erase(served, name, delete_jobs=True, allow_missing=True)).job_count == 0

            # The other debate's answers are there still; a job on the erased one has nothing to work on
            asked = len(server.heard)
            await analysed(desk, other)
            assert len(server.heard) == asked
            gone = await asyncio.to_thread(lambda: desk.final(desk.analyse(name)))
            assert gone.job.state is JobState.FAILED
            assert gone.job.error is not None
            assert gone.job.error.reason == "CONVERSATION_NOT_FOUND"

            # Erased while the model is thinking: what it then says is kept nowhere
            desk.put(debate(8))
            server.faults = [Fault(silent=True)] * 100
            job_id = desk.analyse(name)
            await asyncio.to_thread(wait_until, lambda: len(server.heard) > asked, timeout_s=60)
            await erase(served, name)
            desk.cancel(job_id)
            await asyncio.to_thread(desk.final, job_id)
            assert answers(client) == others
            assert not client.exists(kept.conversation, kept.placeholders, kept.answers)

            # With its jobs, one that waits for the model and one that waits for its time are stopped and gone
            desk.put(debate(8))
            asked = len(server.heard)
            about = {"conversation_id": name}
            desk.analyse(name, job=about)
            desk.analyse(name, job={**about, "run_at_ms": time.time_ns() // 1_000_000 + 3_600_000})
            await asyncio.to_thread(wait_until, lambda: len(server.heard) > asked, timeout_s=60)
            done = await erase(served, name, delete_jobs=True)
            assert done.job_count + done.ending_job_count == 2
            while done.ending_job_count:  # a machine that is very busy
                done = await erase(served, name, delete_jobs=True, allow_missing=True)
            left = (await served.jobs.ListJobs(every)).jobs
            assert {each.conversation_id for each in left} == {"other"}
