"""What comes together is done together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from common.job.ids import new_job_id
from common.job.model import JobRequest
from scheduler.batches import FEW, Batches


def _request(queue: str = "exports") -> JobRequest:
    return JobRequest(new_job_id(queue), queue, "work", b"{}")


async def _put(batches: Batches[JobRequest, str], request: JobRequest) -> str:
    return await batches.put(request.queue, request)


class Gate:
    """A submit that waits until it is opened, and remembers its runs."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.runs: list[list[JobRequest]] = []

    async def submit(self, requests: Sequence[JobRequest]) -> list[str]:
        self.runs.append(list(requests))
        await self.opened.wait()
        return [request.job_id for request in requests]


async def _settled() -> None:
    """Let all that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_job_that_comes_alone_waits_for_no_one() -> None:
    gate = Gate()
    batches = Batches(gate.submit, 50)
    gate.opened.set()
    request = _request()

    assert await batches.put(request.queue, request) == request.job_id
    assert gate.runs == [[request]]


async def test_jobs_that_come_during_a_script_share_the_next_one_and_each_gets_its_own_outcome() -> None:
    gate = Gate()
    batches = Batches(gate.submit, 50)
    calls = []
    requests = [_request() for _ in range(40)]
    for request in requests:
        calls.append(asyncio.create_task(_put(batches, request)))
        await _settled()

    gate.opened.set()

    assert await asyncio.gather(*calls) == [request.job_id for request in requests]
    assert [len(batch) for batch in gate.runs] == [1, 39]


class Passing:
    """A submit that takes two turns of the loop, and remembers the sizes of its runs."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def submit(self, requests: Sequence[JobRequest]) -> list[str]:
        self.sizes.append(len(requests))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [request.job_id for request in requests]


async def _put_while_one_is_under_way(
    batches: Batches[JobRequest, str], count: int
) -> list[asyncio.Task[str]]:
    """Put one, and `count` more as soon as a run has it."""
    calls = [asyncio.create_task(_put(batches, _request()))]
    await asyncio.sleep(0)  # it is put
    await asyncio.sleep(0)  # and its run begins
    calls += [asyncio.create_task(_put(batches, _request())) for _ in range(count)]
    await _settled()
    return calls


async def test_a_script_waits_for_as_many_as_were_there_at_once_lately() -> None:
    passing = Passing()
    batches = Batches(passing.submit, 50, linger_s=3_600)

    calls = await _put_while_one_is_under_way(batches, 7)
    assert passing.sizes == [1]

    calls.append(asyncio.create_task(_put(batches, _request())))
    await asyncio.gather(*calls)
    assert passing.sizes == [1, 8]


async def test_a_script_does_not_wait_for_more_than_it_may_take() -> None:
    passing = Passing()
    batches = Batches(passing.submit, 7, linger_s=3_600)

    await asyncio.gather(*await _put_while_one_is_under_way(batches, 7))

    assert passing.sizes == [1, 7]


async def test_a_few_are_not_waited_for() -> None:
    passing = Passing()
    batches = Batches(passing.submit, 50, linger_s=3_600)

    await asyncio.gather(*await _put_while_one_is_under_way(batches, FEW - 1))

    assert passing.sizes == [1, FEW - 1]


async def test_a_crowd_that_has_gone_is_waited_for_once() -> None:
    passing = Passing()
    batches = Batches(passing.submit, 50, linger_s=0)

    await asyncio.gather(*await _put_while_one_is_under_way(batches, 7))
    await _settled()
    await _put(batches, _request())

    assert passing.sizes == [1, 7, 1]


async def test_no_script_takes_more_than_it_may() -> None:
    gate = Gate()
    batches = Batches(gate.submit, 3)
    calls = [asyncio.create_task(_put(batches, _request())) for _ in range(20)]
    await _settled()

    gate.opened.set()
    await asyncio.gather(*calls)

    assert max(map(len, gate.runs)) == 3
    assert sum(map(len, gate.runs)) == 20


async def test_queues_do_not_wait_for_one_another() -> None:
    gate = Gate()
    batches = Batches(gate.submit, 50)
    calls = [asyncio.create_task(_put(batches, _request(f"q{i}"))) for i in range(5)]
    await _settled()

    assert len(gate.runs) == 5

    gate.opened.set()
    await asyncio.gather(*calls)


async def test_a_caller_who_leaves_takes_no_one_with_him() -> None:
    gate = Gate()
    batches = Batches(gate.submit, 50)
    leaves, stays = (asyncio.create_task(_put(batches, _request())) for _ in range(2))
    await _settled()

    leaves.cancel()
    gate.opened.set()

    assert await stays
    assert leaves.cancelled()


async def test_a_job_whose_caller_left_before_a_script_took_it_is_not_submitted() -> None:
    gate = Gate()
    batches = Batches(gate.submit, 50)
    first = asyncio.create_task(_put(batches, _request()))
    await _settled()
    leaves = asyncio.create_task(_put(batches, _request()))
    await _settled()

    leaves.cancel()
    await _settled()
    gate.opened.set()
    await first
    await _settled()

    assert len(gate.runs) == 1


async def test_what_goes_wrong_unforeseen_reaches_each_caller_and_ends_nothing() -> None:
    broken = True

    async def submit(requests: Sequence[JobRequest]) -> list[str]:
        if broken:
            raise ZeroDivisionError
        return [request.job_id for request in requests]

    batches = Batches(submit, 50)
    failures = await asyncio.gather(*(_put(batches, _request()) for _ in range(3)), return_exceptions=True)
    assert [type(failure) for failure in failures] == [ZeroDivisionError] * 3

    broken = False
    request = _request()
    assert await batches.put(request.queue, request) == request.job_id
