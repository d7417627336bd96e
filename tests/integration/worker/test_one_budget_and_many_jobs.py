"""Two hundred jobs created at once against one dollar, by real workers and providers with prices.

One provider answers rightly, so that each job is one call. The other one is `llmock`, which others wrote: it
answers by the schema with ids that nobody has sent, so that each answer is asked for once more, to be mended.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from analysis_worker.engines.openai.request import ModelRequest
from bothsides.jobs import v1 as pb
from common.provider.models import ModelCard
from support.llmock import llmock
from support.openai_author import honest
from support.openai_server import OpenAiServer, openai_server
from support.prices import COST, PRICES, USAGE
from support.scheduler import Served, analysis_of, serving
from support.waiting import wait_until_async
from support.worker_program import worker_program

#: With its servers and workers it takes most of a minute on a machine of its own.
pytestmark = pytest.mark.timeout(400)
Spec = pb.TranscriptAnalysisSpec
JOBS: Final = 200
LIMIT: Final = 1_000_000
CARD: Final = ModelCard("priced", price_input=5_000_000, price_output=25_000_000)
#: How long the provider thinks (s), so that many calls are under way at once.
THINKS_S: Final = 0.3


def thinking(body: Mapping[str, Any]) -> str:
    threading.Event().wait(THINKS_S)
    return honest(body)


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(thinking) as served:
        served.usage = USAGE
        yield served


def small_debate(number: int) -> pb.Conversation:
    conversation = pb.Conversation(conversation_id=f"debate-{number}", title="Trees")
    for place, (who, text) in enumerate(
        (
            ("ann", f"We should plant {number} trees, because they give shade."),
            ("bob", "They cost too much."),
            ("ann", "They pay for themselves."),
        )
    ):
        conversation.turns.add(turn_id=f"t{place}", participant_id=who, text=text)
    return conversation


async def prepare(scheduler: Served) -> None:
    """Put the debates, let many jobs run at once, and set the budget."""
    for number in range(JOBS):
        await scheduler.conversations.PutConversation(
            pb.PutConversationRequest(conversation=small_debate(number))
        )
    queue = pb.Queue(name="ai_analysis", worker_concurrency=24)
    await scheduler.queues.UpdateQueue(
        pb.UpdateQueueRequest(queue=queue, update_mask=FieldMask(paths=["worker_concurrency"]))
    )
    budget = pb.Budget(scope=pb.Budget.TOTAL, limit_micro_usd=LIMIT, spent_policy=pb.Budget.REFUSE)
    await scheduler.queues.UpdateBudgets(
        pb.UpdateBudgetsRequest(tenant_budgets=pb.TenantBudgets(budgets=[budget]))
    )


async def spend(store: Mapping[str, str], folder: Path, scheduler: Served, url: str) -> list[pb.Job]:
    """Create two hundred jobs at once, let two workers spend the budget on them; return them as they end."""
    with ExitStack() as workers:
        for _ in range(2):
            workers.enter_context(
                worker_program(
                    store,
                    folder,
                    OPENAI_API_KEY="sk-test",
                    OPENAI_BASE_URL=url,
                    OPENAI_MODEL="priced",
                    WORKER_THREADS="24",
                )
            )
        await prepare(scheduler)
        requests = [analysis_of(f"debate-{number}") for number in range(JOBS)]
        for request in requests:
            request.job.spec.transcript_analysis.dimensions.append(pb.DIMENSION_ARGUMENTS)
            request.job.spec.transcript_analysis.on_unavailable = Spec.WAIT
        made = await asyncio.gather(*(scheduler.jobs.CreateJob(request) for request in requests))
        return await all_ended(scheduler, [job.job_id for job in made])


def check_refusals(ended: list[pb.Job], most: int) -> None:
    """Nobody was refused while there was room for the most that a call can cost."""
    refusals = [job.last_error for job in ended if job.state == pb.Job.FAILED]
    assert {refused.reason for refused in refusals} == {"BUDGET_SPENT"}
    spent = [int(spent_at.group(1)) for error in refusals if (spent_at := _SPENT.search(error.message))]
    assert len(spent) == len(refusals) > 0
    assert LIMIT - min(spent) < most
    assert all("bothsides budgets set" in error.suggestion for error in refusals)


@pytest.fixture
def store(valkey: str, tmp_path: Path) -> dict[str, str]:
    models = tmp_path / "models.toml"
    models.write_text(PRICES)
    return {"REDIS_URL": valkey, "PROVIDER_MODELS_FILE": str(models)}


async def test_two_hundred_jobs_spend_no_more_than_a_dollar_and_are_refused_only_when_it_is_spent(
    store: dict[str, str], tmp_path: Path, server: OpenAiServer
) -> None:
    async with serving(store) as scheduler:
        # Given two hundred jobs that each want one call, created at once
        ended = await spend(store, tmp_path, scheduler, server.url)

        # Then some were paid for and the others refused, and none was lost or degraded
        states = Counter(pb.Job.State.Name(job.state) for job in ended)
        assert set(states) == {"SUCCEEDED", "FAILED"}
        assert {made.engine for job in ended for made in job.result.analysis.provenance} == {"openai"}
        # No more than the budget was spent, to the last millionth of what the provider counted
        books = await scheduler.queues.GetBudgets(pb.GetBudgetsRequest())
        assert books.total.cost_micro_usd == states["SUCCEEDED"] * COST == len(server.heard) * COST
        assert books.total.cost_micro_usd <= LIMIT
        assert (books.total.held_micro_usd, books.total.lapsed_call_count) == (0, 0)
        check_refusals(ended, max(most_of(json.loads(body)) for body, _ in server.heard))


@pytest.mark.outage
async def test_it_is_so_where_answers_are_broken_and_asked_for_again_by_llmock(
    store: dict[str, str], tmp_path: Path
) -> None:
    with llmock(latency_ms=int(THINKS_S * 1000)) as provider:
        async with serving(store) as scheduler:
            ended = await spend(store, tmp_path, scheduler, provider.url)
            books = await scheduler.queues.GetBudgets(pb.GetBudgetsRequest())
        asked = provider.asked()
        counted = [CARD.cost_micro_usd(used, 0, made) for used, made in map(provider.usage_of, asked)]

    # What was broken twice is made without a model; the others were refused
    states = Counter(pb.Job.State.Name(job.state) for job in ended)
    assert set(states) == {"SUCCEEDED", "FAILED"}
    reasons = {made.degraded_cause for job in ended for made in job.result.analysis.provenance}
    assert reasons == {pb.Provenance.INVALID_OUTPUT}
    assert len(asked) == books.total.call_count >= 2 * states["SUCCEEDED"]
    # By the other one's count it was no more than the dollar, and no less than what the books say
    assert sum(counted) == books.total.cost_micro_usd <= LIMIT
    assert (books.total.held_micro_usd, books.total.lapsed_call_count) == (0, 0)
    most = max(map(most_of, asked))
    assert LIMIT - books.total.cost_micro_usd < most
    check_refusals(ended, most)


_SPENT: Final = re.compile(rf"of {LIMIT} (\d+) are spent")


def most_of(body: Mapping[str, Any]) -> int:
    """Return the most that a call can cost which was sent: what is set aside for it."""
    request = ModelRequest(body)
    return CARD.cost_micro_usd(request.input_tokens, 0, request.output_tokens)


async def all_ended(scheduler: Served, job_ids: list[str]) -> list[pb.Job]:
    ended: dict[str, pb.Job] = {}

    async def look() -> bool:
        for job_id in [job_id for job_id in job_ids if job_id not in ended]:
            job = await scheduler.jobs.GetJob(pb.GetJobRequest(job_id=job_id, view=pb.JOB_VIEW_FULL))
            if job.state not in (pb.Job.SUCCEEDED, pb.Job.FAILED):
                return False
            ended[job_id] = job
        return True

    await wait_until_async(look, timeout_s=300)
    return [ended[job_id] for job_id in job_ids]
