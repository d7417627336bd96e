"""What validate_only says that a reflection costs, held to what a worker then pays for it over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bothsides.jobs import v1 as pb
from common.provider.planning import EXPECTED_TOKENS
from support.debates import debate
from support.openai_server import OpenAiServer, openai_server
from support.reflection_author import reader
from support.scheduler import Served, serving
from support.waiting import wait_until_async
from support.worker_program import worker_program

#: Reflections from a few sentences to some pages.
SHORT, LONG = (" ".join(turn.text for turn in debate(turns, seed=2).turns) for turns in (1, 40))


def counted(body: Mapping[str, Any]) -> dict[str, int]:
    """Count four characters a token, as is usual for English; the answer is as long as is expected."""
    sent = [message["content"] for message in body["messages"]]
    characters = len("".join(sent)) + len(json.dumps(body["response_format"]))
    return {"prompt_tokens": characters // 4, "completion_tokens": EXPECTED_TOKENS}


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(reader()) as served:
        served.usage = counted
        yield served


def asking(text: str, conversation_id: str = "", **spec: Any) -> pb.CreateJobRequest:
    asked = pb.ReflectionProcessingSpec(
        text=text, conversation_id=conversation_id, participant_id="ines" if conversation_id else "", **spec
    )
    return pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(reflection_processing=asked)))


async def estimate(scheduler: Served, request: pb.CreateJobRequest) -> pb.JobEstimate:
    asked = pb.CreateJobRequest(job=request.job, validate_only=True)
    return (await scheduler.jobs.CreateJob(asked)).estimate


async def run(scheduler: Served, request: pb.CreateJobRequest) -> pb.Job:
    created = await scheduler.jobs.CreateJob(request)
    read = pb.GetJobRequest(job_id=created.job_id, view=pb.JOB_VIEW_FULL)

    async def is_final() -> bool:
        return (await scheduler.jobs.GetJob(read)).HasField("end_time")

    await wait_until_async(is_final, timeout_s=60)
    job = await scheduler.jobs.GetJob(read)
    assert job.state == pb.Job.SUCCEEDED, job.last_error
    made = job.result.reflection.provenance
    assert (made.engine, made.degraded) == ("openai", False), made
    return job


async def test_a_reflection_costs_no_more_than_was_said_before(
    valkey: str, tmp_path: Path, server: OpenAiServer
) -> None:
    debates = {"short": debate(10, conversation_id="short"), "long": debate(160, conversation_id="long")}
    wanted = [
        asking(SHORT),
        asking(SHORT, "short"),
        asking(SHORT, "long"),
        asking(LONG),
        asking(LONG, "long"),
    ]
    async with serving(valkey) as scheduler:
        for conversation in debates.values():
            put = pb.PutConversationRequest(conversation=conversation)
            await scheduler.conversations.PutConversation(put)
        with worker_program(valkey, tmp_path, OPENAI_API_KEY="sk-1", OPENAI_BASE_URL=server.url):
            paid = []
            for request in wanted:
                told = await estimate(scheduler, request)
                # What is set aside for a call is more than what it should cost: both calls fit under this
                bound = told.planned_cost_micro_usd + told.least_max_cost_micro_usd
                request.job.spec.reflection_processing.max_cost_micro_usd = bound
                usage = (await run(scheduler, request)).paid_usage
                assert (usage.call_count, usage.reused_call_count) == (2, 0)
                assert told.planned_cost_micro_usd / 2 < usage.cost_micro_usd < told.planned_cost_micro_usd
                paid.append(usage.cost_micro_usd)
            assert paid[0] < paid[1] < paid[2] < paid[4]

            # From then on jobs like it speak for it: none of these costs more than the most of them
            told = await estimate(scheduler, wanted[0])
            assert told.sample_count == len(paid)
            assert told.cost_micro_usd_max == max(paid)
            assert told.cost_micro_usd_p50 == sorted(paid)[len(paid) // 2]
            again = wanted[-1]
            again.job.spec.reflection_processing.force_refresh = True
            anew = (await run(scheduler, again)).paid_usage
            assert told.cost_micro_usd_p50 < anew.cost_micro_usd <= told.cost_micro_usd_max

            # What is there already costs nothing, and is told as if it did
            again.job.spec.reflection_processing.force_refresh = False
            reused = (await run(scheduler, again)).paid_usage
            assert (reused.call_count, reused.reused_call_count, reused.cost_micro_usd) == (0, 2, 0)
            assert reused.saved_micro_usd == anew.cost_micro_usd
            assert (await estimate(scheduler, wanted[0])).cost_micro_usd_max == max(paid)
