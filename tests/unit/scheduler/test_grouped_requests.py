"""What single calls ask for, read and answered together: each gets what it would get by itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from bothsides.jobs import v1 as pb
from common.errors import JobsError, QueueFull
from common.job.model import Job, JobRequest, RetryPolicy
from common.rpc.validation import validate
from common.store.record import accepted
from scheduler.servicers.grouped import GroupedRequests
from scheduler.wire.jobs import AlikeJobs, job_to_pb
from scheduler.wire.known import KnownRequests
from scheduler.wire.requests import Origin, request_from_pb
from support.random_messages import random_message

RETRY = RetryPolicy(max_attempts=5)
NOW_MS = 1_800_000_000_000
FULL = "full"


def generic(text: str = "x", *, queue: str = "", **fields: object) -> pb.CreateJobRequest:
    request = pb.CreateJobRequest(job=pb.Job(**fields))  # type: ignore[arg-type]
    spec = request.job.spec.generic
    spec.actor, spec.queue = "work", queue
    spec.args.add().string_value = text
    return request


class Store:
    """Accepts all jobs but those of one queue, and remembers how many came at once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def create_many(self, requests: Sequence[JobRequest]) -> list[Job | JobsError]:
        self.sizes.append(len(requests))
        await asyncio.sleep(0)
        full = QueueFull(FULL, 5)
        return [full if request.queue == FULL else accepted(request, NOW_MS) for request in requests]


def grouped(store: Store, known: KnownRequests | None = None) -> GroupedRequests:
    return GroupedRequests(known or KnownRequests(RETRY), store.create_many, AlikeJobs())


def by_itself(request: pb.CreateJobRequest, origin: Origin) -> pb.Job | None:
    """Return the job that is created, but for its id; None for a request that is refused."""
    try:
        validate(request)
        job = job_to_pb(accepted(request_from_pb(request, origin, RETRY), NOW_MS))
    except JobsError:
        return None
    job.ClearField("job_id")
    return job


async def test_random_requests_get_what_each_would_get_by_itself_or_are_left_as_they_were() -> None:
    chance = random.Random(12)
    together = grouped(Store())
    created = 0
    for _ in range(60):
        asked: list[tuple[pb.CreateJobRequest, Origin]] = []
        for _ in range(25):
            request = generic(chance.choice("abc"), labels={"of": chance.choice("de")})
            if chance.random() < 0.4:
                request.CopyFrom(random_message(pb.CreateJobRequest, chance, ("work", "mine") * 8))
                request.job.spec.generic.queue = chance.choice(["", "mine", "not one"])
            trace_id = chance.choice(["", f"{chance.getrandbits(128):032x}"])
            context = {"traceparent": f"00-{trace_id}-1-01"} if trace_id else {}
            asked.append((request, Origin(chance.choice(["acme", "default"]), trace_id, context)))
        before = [pb.CreateJobRequest.FromString(request.SerializeToString()) for request, _ in asked]

        answers = await asyncio.gather(*(together.create(*each) for each in asked))

        for (request, origin), given, answer in zip(asked, before, answers, strict=True):
            if answer is None:
                assert request == given
                continue
            created += 1
            job = pb.Job.FromString(answer)
            assert job.job_id
            job.ClearField("job_id")
            assert job == by_itself(given, origin)
    assert created > 600


async def test_what_comes_together_is_created_together_and_a_refusal_costs_no_one_else() -> None:
    store = Store()
    together = grouped(store)
    calls = [together.create(generic(), Origin("acme")) for _ in range(5)]
    refused = [together.create(generic(queue=FULL), Origin("acme")) for _ in range(3)]

    answers = await asyncio.gather(*calls, *refused, return_exceptions=True)

    assert len({pb.Job.FromString(answer).job_id for answer in answers[:5] if isinstance(answer, bytes)}) == 5
    assert [type(answer) for answer in answers[5:]] == [QueueFull] * 3
    assert sorted(store.sizes) == [3, 5]


async def test_what_is_typed_is_left_to_who_reads_it_by_itself() -> None:
    store = Store()
    typed = pb.CreateJobRequest()
    typed.job.spec.transcript_analysis.conversation_id = "debate-1"

    assert await grouped(store).create(typed, Origin("acme")) is None
    assert await grouped(store).create(pb.CreateJobRequest(), Origin("acme")) is None
    assert store.sizes == []


class Stumbling(KnownRequests):
    """Cannot read what one tenant asks."""

    def read(self, request: pb.CreateJobRequest, origin: Origin) -> JobRequest | None:
        if origin.tenant == "odd":
            raise ZeroDivisionError
        return super().read(request, origin)


async def test_a_request_that_cannot_be_read_for_an_unforeseen_reason_fails_alone() -> None:
    together = grouped(Store(), Stumbling(RETRY))

    odd, usual = await asyncio.gather(
        together.create(generic(), Origin("odd")),
        together.create(generic(), Origin("acme")),
        return_exceptions=True,
    )

    assert isinstance(odd, ZeroDivisionError)
    assert isinstance(usual, bytes)


@pytest.mark.parametrize("depth", [1, 7])
async def test_only_what_was_read_is_submitted(depth: int) -> None:
    store = Store()
    requests = [generic(labels={"Not One": "x"}) for _ in range(depth)]

    answers = await asyncio.gather(*(grouped(store).create(request, Origin("acme")) for request in requests))

    assert answers == [None] * depth
    assert store.sizes == []
