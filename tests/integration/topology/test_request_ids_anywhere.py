"""A request id stands for one job of all queues, also where these lie on several servers."""

from __future__ import annotations

from pathlib import Path

import dramatiq
import grpc
import pytest
from google.rpc import error_details_pb2

from bothsides.jobs import v1 as pb
from common.broker import JobBroker
from common.errors import RequestIdReused
from common.job.ids import queue_of
from support.places import Place
from support.rpc import detail
from support.scheduler import generic, refusal, serving
from support.topology import cluster_of_servers

QUEUES = ("data_processing", "notifications", "exports", "reports")


def for_queue(queue: str, request_id: str) -> pb.CreateJobRequest:
    request = generic(request_id=request_id)
    request.job.spec.generic.queue = queue
    return request


async def test_a_call_for_another_queue_is_refused_with_the_id_of_the_first_job(place: Place) -> None:
    async with serving(place.variables) as scheduler:
        first = await scheduler.create(for_queue("exports", "once"))

        for queue in ("data_processing", "reports"):
            refused = await refusal(scheduler.create(for_queue(queue, "once")))
            assert (refused.code, refused.reason) == (
                grpc.StatusCode.INVALID_ARGUMENT,
                "REQUEST_ID_REUSED",
            )
            assert refused.metadata["job_id"] == first.job_id
        assert (await scheduler.create(for_queue("exports", "once"))).job_id == first.job_id


async def test_of_many_items_with_one_request_id_each_for_all_queues_one_is_created(place: Place) -> None:
    """They are submitted at the same time."""
    requests = [for_queue(queue, f"r{number}") for number in range(50) for queue in QUEUES]
    async with serving(place.variables) as scheduler:
        response = await scheduler.jobs.CreateJobs(pb.CreateJobsRequest(requests=requests))
        page = await scheduler.jobs.ListJobs(pb.ListJobsRequest(page_size=1_000))

    made: dict[str, str] = {}
    for request, item in zip(requests, response.items, strict=True):
        if item.HasField("job"):
            assert request.request_id not in made
            made[request.request_id] = item.job.job_id
    for request, item in zip(requests, response.items, strict=True):
        if not item.HasField("job"):
            info = detail(item.error, error_details_pb2.ErrorInfo)
            assert (info.reason, info.metadata["job_id"]) == ("REQUEST_ID_REUSED", made[request.request_id])
    assert len(made) == 50
    assert {job.job_id for job in page.jobs} == set(made.values())


def test_an_actors_request_id_is_that_of_all_its_queues(place: Place) -> None:
    with place.broker(namespace="anywhere") as broker:

        @dramatiq.actor(broker=broker)
        def work(number: int) -> None: ...

        def sent(queue: str, number: int) -> str:
            message = work.message_with_options(args=(number,), request_id="once")
            return str(broker.enqueue(message.copy(queue_name=queue)).options["job_id"])

        first = sent("exports", 1)
        assert sent("exports", 1) == sent("reports", 1) == first
        with pytest.raises(RequestIdReused, match="of the queue exports"):
            sent("reports", 2)


def test_a_cluster_that_is_reached_as_one_server_is_found_out(tmp_path: Path) -> None:
    """As one behind a proxy is: its scripts have keys of one slot, and it says so once."""
    with cluster_of_servers(tmp_path, primaries=1) as cluster, cluster.primaries[0].client() as client:
        broker = JobBroker(client, namespace="anywhere")

        @dramatiq.actor(broker=broker)
        def work(number: int) -> None: ...

        with pytest.raises(dramatiq.ConnectionClosed):
            work.send_with_options(args=(1,), request_id="once")
        first = work.send_with_options(args=(1,), request_id="once")
        assert queue_of(first.options["job_id"]) == "default"
        with pytest.raises(RequestIdReused):
            broker.enqueue(
                work.message_with_options(args=(2,), request_id="once").copy(queue_name="elsewhere")
            )
        broker.close()
