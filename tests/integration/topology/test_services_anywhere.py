"""Scheduler, worker and monitor on the master that sentinels name, and on a cluster."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis_worker.paid.gate import PaidGate
from analysis_worker.paid.port import Call, Reply, Usage
from bothsides.jobs import v1 as pb
from common.job.types import QUEUES
from common.provider.models import ModelCard, ModelTable
from common.settings import SchedulerSettings
from common.store.clients import async_redis_client
from common.store.operation import AsyncRunner
from common.store.placeholders import MapKept, keep_map, read_map
from support.places import Place
from support.scheduler import NAMESPACE, analysis_of, debate, reflection, refusal, serving
from support.services import call, monitoring
from support.waiting import wait_until_async
from support.worker_program import worker_program

#: Of the jobs below. A worker of these alone starts no processes to analyse debates with.
SERVED = ("data_processing", "reports", "exports")


async def test_jobs_of_several_queues_go_all_the_way_round(place: Place, tmp_path: Path) -> None:
    async with serving(place.variables) as scheduler, monitoring(place) as monitor:
        # Given jobs of three queues, one of them watched, and one that is cancelled while it waits
        created = [await scheduler.create(call("multiply", 2, number)) for number in range(5)]
        created.append(await scheduler.create(call("shout", "loud", queue="reports")))
        created.append(await scheduler.create(call("shout", "clear", queue="exports")))
        watched = created[-1]
        waiting = await scheduler.create(call("multiply", 2, 9))
        messages = aiter(scheduler.watch(watched.job_id))
        told = [await anext(messages)]
        cancelled = await scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=waiting.job_id))
        assert cancelled.state == pb.Job.CANCELLED

        # When a worker runs
        starting = worker_program(
            place.variables,
            tmp_path,
            WORKER_ACTOR_MODULES="support.worker_actors",
            WORKER_QUEUES=",".join(SERVED),
        )
        worker = await asyncio.to_thread(starting.__enter__)
        try:
            told += [message async for message in messages]

            async def all_final() -> bool:
                page = await scheduler.jobs.ListJobs(pb.ListJobsRequest(filter="state != SUCCEEDED"))
                return [job.job_id for job in page.jobs] == [waiting.job_id]

            await wait_until_async(all_final)

            # Then each was done, and everyone knows
            assert told[-1].snapshot.state == pb.Job.SUCCEEDED
            full = [pb.GetJobRequest(job_id=job.job_id, view=pb.JOB_VIEW_FULL) for job in created]
            results = [(await scheduler.jobs.GetJob(request)).result.generic for request in full]
            assert [result.number_value for result in results[:5]] == [0, 2, 4, 6, 8]
            assert [result.string_value for result in results[5:]] == ["LOUD", "CLEAR"]

            async def seen() -> bool:
                health = await monitor.GetHealth(pb.GetHealthRequest())
                stats = {one.queue: one.total.succeeded for one in health.queues}
                return bool(health.worker_count == 1 and stats.get("data_processing", 0) == 5)

            await wait_until_async(seen)
        finally:
            worker.terminate()
            await asyncio.to_thread(starting.__exit__, None, None, None)


async def test_a_burst_of_calls_waits_for_connections(place: Place) -> None:
    """A cluster's client of redis-py refuses what is more than its connections; ours lets it wait."""
    async with serving(place.variables) as scheduler:
        created = await asyncio.gather(
            *(scheduler.create(call("multiply", 2, number)) for number in range(300))
        )
        read = await asyncio.gather(
            *(scheduler.jobs.GetJob(pb.GetJobRequest(job_id=job.job_id)) for job in created)
        )
    assert {job.state for job in read} == {pb.Job.PENDING}


async def test_documents_and_many_jobs_at_once(place: Place) -> None:
    async with serving(place.variables) as scheduler:
        for number in range(3):
            await scheduler.conversations.PutConversation(
                pb.PutConversationRequest(conversation=debate(f"debate-{number}"))
            )
        listed = await scheduler.conversations.ListConversations(pb.ListConversationsRequest(page_size=2))
        many = await scheduler.jobs.CreateJobs(
            pb.CreateJobsRequest(requests=[analysis_of("debate-1"), reflection(), analysis_of("debate-9")])
        )
        refused = await refusal(scheduler.jobs.CreateJob(analysis_of("debate-9")))

    assert len(listed.conversations) == 2
    assert [item.WhichOneof("outcome") for item in many.items] == ["job", "job", "error"]
    assert refused.reason == "FIELD_INVALID"


async def _answered() -> Reply:
    return Reply(b"{}", Usage(1, 0, 1), {})


async def test_a_conversation_goes_with_its_map_and_answers(place: Place) -> None:
    """Which lie on several nodes of a cluster."""
    settings = SchedulerSettings.from_environment({**place.variables, "SCHEDULER_ADDR": "127.0.0.1:0"})
    client = async_redis_client(settings.store, name="erasing")
    store = AsyncRunner(client)
    try:
        async with serving(place.variables) as scheduler:
            await scheduler.conversations.PutConversation(
                pb.PutConversationRequest(conversation=debate("debate-1"))
            )
            kept = await store.run(keep_map(NAMESPACE, "default", "debate-1", b"map"))
            assert kept is MapKept.KEPT
            models = ModelTable({model: ModelCard(model) for model in ("small", "large")})
            gate = PaidGate(store, NAMESPACE, models=models)
            for model in models.cards:
                asked = Call("default", "openai", model, "a", 0, 10, 5, 2, "ai-1", 1)
                await gate.ask(replace(asked, conversation_ids=("debate-1",)), _answered)
            request = pb.DeleteConversationRequest(conversation_id="debate-1", delete_jobs=True)
            done = await scheduler.conversations.DeleteConversation(request)
        assert done.answer_count == 2
        assert await store.run(read_map(NAMESPACE, "default", "debate-1")) is None
    finally:
        await client.aclose()


def test_the_platforms_queues_lie_on_all_nodes_of_a_cluster(cluster_place: Place, cluster: Any) -> None:
    """Else these tests would show less than they seem to."""
    holders = {cluster.holder(f"{{bothsides:{queue}}}:jobs").port for queue in QUEUES}
    assert holders == {node.port for node in cluster.primaries}
