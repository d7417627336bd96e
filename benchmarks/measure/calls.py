"""A client of the scheduler that keeps a number of calls open, and the requests that it sends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import grpc.aio
from google.protobuf.message import Message

from bothsides.jobs import v1 as pb

CREATE_JOB = "/bothsides.jobs.v1.JobService/CreateJob"
CREATE_JOBS = "/bothsides.jobs.v1.JobService/CreateJobs"
#: As the scheduler's own limit: an answer to 1,000 jobs must fit.
OPTIONS = (("grpc.max_receive_message_length", 16 * 1024 * 1024),)


def generic_job(
    text: str = "", *, queue: str = "", actor: str = "nothing", request: pb.CreateJobRequest | None = None
) -> pb.CreateJobRequest:
    """Return a request as the client library makes it: with a request id, for an actor of one argument.

    Args:
        request: An empty one to fill in, which spares copying it.
    """
    if request is None:
        request = pb.CreateJobRequest()
    request.request_id = str(uuid4())
    spec = request.job.spec.generic
    spec.actor = actor
    if queue:
        spec.queue = queue
    spec.args.add().string_value = text
    return request


def bulk(make: Callable[..., pb.CreateJobRequest], count: int) -> pb.CreateJobsRequest:
    """Return a request of `count` jobs; `make` fills in each."""
    whole = pb.CreateJobsRequest()
    for _ in range(count):
        make(request=whole.requests.add())
    return whole


def call(address: str, method: str, make: Callable[[], Message], *, calls: int, at_once: int) -> list[bytes]:
    """Make `calls` calls from this process, `at_once` open at any moment.

    Returns the last answer of each lane as bytes: reading them is not what is measured.
    """
    return asyncio.run(_call(address, method, make, calls, at_once))


async def _call(
    address: str, method: str, make: Callable[[], Message], calls: int, at_once: int
) -> list[bytes]:
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        send: Any = channel.unary_unary(method)
        left = iter(range(calls))

        async def lane() -> bytes:
            answer = b""
            for _ in left:
                answer = await send(make().SerializeToString())
            return answer

        return await asyncio.gather(*(lane() for _ in range(at_once)))
