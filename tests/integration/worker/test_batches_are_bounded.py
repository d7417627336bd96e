"""A batch of analyses with a bound on its cost, by a real worker and a provider with prices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from bothsides.jobs import v1 as pb
from support.openai_author import honest
from support.openai_server import OpenAiServer, openai_server
from support.prices import COST, PRICES, USAGE
from support.scheduler import Served, serving
from support.waiting import wait_until_async
from support.worker_program import worker_program

pytestmark = pytest.mark.timeout(200)
Spec = pb.TranscriptAnalysisSpec
MEMBERS: Final = 8
LIMIT: Final = 50_000


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(honest) as served:
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


def batch_of(*, validate_only: bool = False) -> pb.CreateBatchRequest:
    """Return a batch of which each member is one paid call, and all may fail."""
    template = pb.Job()
    template.spec.transcript_analysis.dimensions.append(pb.DIMENSION_ARGUMENTS)
    template.spec.transcript_analysis.on_unavailable = Spec.WAIT
    ids = [f"debate-{number}" for number in range(MEMBERS)]
    return pb.CreateBatchRequest(
        batch=pb.Batch(
            max_cost_micro_usd=LIMIT,
            spent_policy=pb.Budget.REFUSE,
            failure_policy=pb.BatchFailurePolicy(action=pb.BatchFailurePolicy.CONTINUE),
        ),
        members=pb.BatchMembers(
            conversations=pb.ConversationMembers(template=template, conversation_ids=ids)
        ),
        validate_only=validate_only,
    )


async def ended(scheduler: Served, batch_id: str) -> pb.Batch:
    async def found() -> pb.Batch | None:
        batch: pb.Batch = await scheduler.batches.GetBatch(pb.GetBatchRequest(batch_id=batch_id))
        return batch if batch.HasField("end_time") else None

    batch = await wait_until_async(found, timeout_s=120)
    assert batch is not None
    return batch


async def test_the_members_of_a_batch_spend_no_more_than_it_may(
    valkey: str, tmp_path: Path, server: OpenAiServer
) -> None:
    models = tmp_path / "models.toml"
    models.write_text(PRICES)
    store = {"REDIS_URL": valkey, "PROVIDER_MODELS_FILE": str(models), "OPENAI_MODEL": "priced"}
    async with serving(store) as scheduler:
        for number in range(MEMBERS):
            await scheduler.conversations.PutConversation(
                pb.PutConversationRequest(conversation=small_debate(number))
            )
        # Given what it should cost, by the lengths of the texts
        judged = await scheduler.batches.CreateBatch(batch_of(validate_only=True))
        assert judged.estimate.planned_member_count == MEMBERS
        assert judged.estimate.planned_cost_micro_usd > 0

        # When it is run with a bound of five calls
        with worker_program(store, tmp_path, OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=server.url):
            batch = await ended(scheduler, (await scheduler.batches.CreateBatch(batch_of())).batch_id)

            # Then its members have paid for no more, and the others were refused for want of money
            books = await scheduler.queues.GetBudgets(pb.GetBudgetsRequest(batch_id=batch.batch_id))
            succeeded = batch.counts.succeeded_count
            assert 0 < succeeded <= LIMIT // COST
            assert batch.counts.failed_count == MEMBERS - succeeded
            assert batch.paid_usage.cost_micro_usd == succeeded * COST == books.batch.cost_micro_usd
            refused = await scheduler.jobs.ListJobs(
                pb.ListJobsRequest(filter=f"batch_id = {batch.batch_id} AND state = FAILED")
            )
            assert {job.last_error.reason for job in refused.jobs} == {"BUDGET_SPENT"}

            # and once it may cost more, what failed is done, and what was paid for is not paid again
            budget = pb.Budget(scope=pb.Budget.BATCH, batch_id=batch.batch_id, limit_micro_usd=20 * COST)
            await scheduler.queues.UpdateBudgets(
                pb.UpdateBudgetsRequest(tenant_budgets=pb.TenantBudgets(budgets=[budget]))
            )
            await scheduler.batches.RetryBatch(pb.RetryBatchRequest(batch_id=batch.batch_id))
            batch = await ended(scheduler, batch.batch_id)
            assert batch.state == pb.Batch.SUCCEEDED
            assert batch.counts.succeeded_count == MEMBERS
            assert batch.paid_usage.cost_micro_usd == MEMBERS * COST
            assert len(server.heard) == MEMBERS

            # and the same debates in another batch cost nothing at all
            again = await ended(scheduler, (await scheduler.batches.CreateBatch(batch_of())).batch_id)
            assert again.state == pb.Batch.SUCCEEDED
            assert again.paid_usage.cost_micro_usd == 0
            assert again.paid_usage.reused_call_count == MEMBERS
            assert again.paid_usage.saved_micro_usd == MEMBERS * COST
