"""What failed, cancelled, late and killed attempts paid: job, batch and tenant tell the same of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, Final

import pytest

from bothsides.jobs import v1 as pb
from support.openai_author import honest
from support.openai_server import Fault, OpenAiServer, openai_server
from support.prices import COST, PRICES, USAGE
from support.scheduler import Served, serving
from support.waiting import wait_until_async
from support.worker_program import worker_program

pytestmark = pytest.mark.timeout(200)
#: Enough for one call, for which more is set aside than it costs, and not for two.
BOUND: Final = 22_000


class Provider:
    """Has trouble with the arguments of debates that say the name of a fault; tone it always gives."""

    def __init__(self) -> None:
        self.faults: dict[str, Fault] = {}
        self.asked: set[str] = set()
        self._lock = threading.Lock()

    def fault_of(self, body: Mapping[str, Any]) -> Fault | None:
        if body["response_format"]["json_schema"]["name"] != "ArgumentsAnswer":
            return None
        with self._lock:
            for name, fault in self.faults.items():
                if name in body["messages"][2]["content"]:
                    self.asked.add(name)
                    return fault
        return None


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def server(provider: Provider) -> Iterator[OpenAiServer]:
    with openai_server(honest) as served:
        served.usage = USAGE
        served.fault_of = provider.fault_of
        yield served


async def put(scheduler: Served, name: str) -> None:
    conversation = pb.Conversation(conversation_id=name, title="Trees")
    for place, (who, text) in enumerate(
        (("ann", f"We should plant trees beside the {name} road."), ("bob", "They cost too much."))
    ):
        conversation.turns.add(turn_id=f"t{place}", participant_id=who, text=text)
    await scheduler.conversations.PutConversation(pb.PutConversationRequest(conversation=conversation))


async def order(scheduler: Served, *names: str, bound: int = 0) -> str:
    """Have the tone and arguments of debates found by a model, in a batch."""
    for name in names:
        await put(scheduler, name)
    template = pb.Job()
    template.spec.transcript_analysis.dimensions.extend([pb.DIMENSION_TONE, pb.DIMENSION_ARGUMENTS])
    template.spec.transcript_analysis.max_cost_micro_usd = bound
    template.spec.transcript_analysis.on_unavailable = pb.TranscriptAnalysisSpec.WAIT
    created = await scheduler.batches.CreateBatch(
        pb.CreateBatchRequest(
            batch=pb.Batch(failure_policy=pb.BatchFailurePolicy(action=pb.BatchFailurePolicy.CONTINUE)),
            members=pb.BatchMembers(
                conversations=pb.ConversationMembers(template=template, conversation_ids=names)
            ),
        )
    )
    return created.batch_id


async def members(scheduler: Served, batch_id: str) -> dict[str, pb.Job]:
    listed = await scheduler.jobs.ListJobs(
        pb.ListJobsRequest(filter=f"batch_id = {batch_id}", view=pb.JOB_VIEW_FULL)
    )
    return {job.spec.transcript_analysis.conversation_id: job for job in listed.jobs}


async def spending(scheduler: Served, batch_id: str = "") -> pb.Spending:
    books = await scheduler.queues.GetBudgets(pb.GetBudgetsRequest(batch_id=batch_id))
    return books.batch if batch_id else books.total


def added(one: pb.PaidUsage, other: pb.PaidUsage) -> pb.PaidUsage:
    return pb.PaidUsage(
        **{
            field.name: getattr(one, field.name) + getattr(other, field.name)
            for field in pb.PaidUsage.DESCRIPTOR.fields
        }
    )


def figures(told: pb.PaidUsage | pb.Spending) -> dict[str, int]:
    return {
        "calls": told.call_count,
        "reused": told.reused_call_count,
        "in": told.input_tokens,
        "cached": told.cached_input_tokens,
        "out": told.output_tokens,
        "cost": told.cost_micro_usd,
        "saved": told.saved_micro_usd,
        "wasted": told.wasted_micro_usd,
    }


def booked(told: pb.Spending) -> dict[str, int]:
    return {**figures(told), "calls": told.call_count + told.lapsed_call_count}


async def all_tell_the_same(scheduler: Served, *batch_ids: str) -> bool:
    """Whether jobs, batches, their books and the tenant's agree on every figure."""
    total = pb.PaidUsage()
    for batch_id in batch_ids:
        jobs = (await members(scheduler, batch_id)).values()
        of_jobs = reduce(added, (job.paid_usage for job in jobs))
        batch = await scheduler.batches.GetBatch(pb.GetBatchRequest(batch_id=batch_id))
        book = booked(await spending(scheduler, batch_id))
        if not figures(of_jobs) == figures(batch.paid_usage) == book:
            return False
        total = added(total, of_jobs)
    return figures(total) == booked(await spending(scheduler))


async def test_job_batch_and_tenant_tell_the_same_waste(
    valkey: str, tmp_path: Path, server: OpenAiServer, provider: Provider
) -> None:
    models = tmp_path / "models.toml"
    models.write_text(PRICES)
    store = {"REDIS_URL": valkey, "PROVIDER_MODELS_FILE": str(models), "OPENAI_MODEL": "priced"}
    asking: dict[str, Any] = {
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": server.url,
        "JOB_LEASE_MS": "1500",
        "PROVIDER_LEASE_MS": "1500",
    }

    async with serving(store) as scheduler:

        async def job(name: str) -> pb.Job:
            found = [await members(scheduler, batch_id) for batch_id in batch_ids]
            return reduce(dict.__or__, found)[name]

        async def final(name: str) -> pb.Job:
            async def found() -> pb.Job | None:
                read = await job(name)
                return read if read.HasField("end_time") else None

            read = await wait_until_async(found, timeout_s=90)
            assert read is not None
            return read

        async def agrees() -> bool:
            return await all_tell_the_same(scheduler, *batch_ids)

        # Given debates of which one goes well, one is to fail, and two wait for an answer that does not come
        provider.faults = {"stopped": Fault(silent=True), "killed": Fault(silent=True)}
        with worker_program(store, tmp_path, **asking) as first:
            batch_ids = [
                await order(scheduler, "well", "stopped", "killed"),
                await order(scheduler, "broken", bound=BOUND),
            ]

            async def all_is_paid() -> bool:
                return (await spending(scheduler)).call_count == 5 and provider.asked == {*provider.faults}

            await wait_until_async(all_is_paid, timeout_s=60)
            assert (await final("well")).paid_usage.cost_micro_usd == 2 * COST

            # When an attempt fails, for want of money, all that it paid is wasted, though its answer is kept
            broken = await final("broken")
            failed = broken.paid_usage
            assert (failed.cost_micro_usd, failed.wasted_micro_usd) == (COST, COST)

            # and when one is cancelled, so is what the call may have cost that was stopped
            await scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=(await job("stopped")).job_id))
            stopped = (await final("stopped")).paid_usage
            assert stopped.call_count == 2
            assert stopped.wasted_micro_usd == stopped.cost_micro_usd - COST > 0

            # and when a worker is killed, all that its attempt paid
            first.process.kill()

        # Then another worker uses the answers that were paid for, and they are not counted as wasted again
        provider.faults = {"late": Fault(silent=True)}
        with worker_program(store, tmp_path, **asking, PROVIDER_TIMEOUT_MS="1500"):
            assert (await final("killed")).state == pb.Job.SUCCEEDED
            broken.spec.transcript_analysis.max_cost_micro_usd = 10 * BOUND
            await scheduler.jobs.RetryJob(pb.RetryJobRequest(job_id=broken.job_id, spec=broken.spec))
            await wait_until_async(agrees, timeout_s=60)
            mended, killed = (await final("broken")).paid_usage, (await job("killed")).paid_usage
            assert (mended.cost_micro_usd, mended.wasted_micro_usd) == (2 * COST, COST)
            assert (mended.reused_call_count, mended.saved_micro_usd) == (1, COST)
            # one paid, one under way at the kill, one made anew
            assert (killed.call_count, killed.reused_call_count, killed.saved_micro_usd) == (3, 1, COST)
            assert killed.wasted_micro_usd == killed.cost_micro_usd - COST > COST

            # and a call that was not answered in time is wasted, while its job goes well
            batch_ids.append(await order(scheduler, "late"))

            async def is_late() -> bool:
                return "late" in provider.asked

            await wait_until_async(is_late, timeout_s=60)
            provider.faults = {}
            late = await final("late")
            assert late.state == pb.Job.SUCCEEDED
            assert late.paid_usage.call_count == 3
            assert late.paid_usage.wasted_micro_usd == late.paid_usage.cost_micro_usd - 2 * COST > 0
            await wait_until_async(agrees, timeout_s=60)
