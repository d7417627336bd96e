"""What work in child processes has used: told for each call, whichever way it ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from analysis_worker.runtime.children import ChildPool
from analysis_worker.runtime.used import Used
from common.job.failure import AttemptFailed
from support import child_work
from support.waiting import wait_until

MEBIBYTE = 1024 * 1024


@pytest.fixture
def pool() -> Iterator[ChildPool]:
    """One child of each test's own: one that is replaced in the end belongs to the test's event loop."""
    made = ChildPool(1)
    made.start()
    yield made
    made.close()


async def used_by(pool: ChildPool, work: Callable[..., object], *args: object) -> Used:
    told: list[Used] = []
    async with pool.hold(spend=told.append) as lanes:
        await lanes[0].run(work, *args)
    [used] = told
    return used


async def test_processor_time_is_that_of_the_call_alone(pool: ChildPool) -> None:
    busy = await used_by(pool, child_work.burn, 0.2)
    short = await used_by(pool, child_work.add, 1, 1)

    assert 0.2 <= busy.cpu_s < 2
    assert short.cpu_s < 0.1


async def test_the_peak_of_memory_is_that_of_the_call_alone(pool: ChildPool) -> None:
    before = await used_by(pool, child_work.add, 1, 1)
    large = await used_by(pool, child_work.hold, 64)
    after = await used_by(pool, child_work.add, 1, 1)

    assert before.peak_bytes is not None
    assert large.peak_bytes is not None
    assert after.peak_bytes is not None
    assert large.peak_bytes - before.peak_bytes >= 60 * MEBIBYTE
    assert large.peak_bytes - after.peak_bytes >= 60 * MEBIBYTE


async def test_work_that_fails_has_used_something_too(pool: ChildPool) -> None:
    told: list[Used] = []
    async with pool.hold(spend=told.append) as lanes:
        with pytest.raises(AttemptFailed):
            await lanes[0].run(child_work.burn_and_fail, 0.1)

    [used] = told
    assert used.cpu_s >= 0.1


async def test_work_that_crashes_has_used_what_the_kernel_says(pool: ChildPool) -> None:
    told: list[Used] = []
    async with pool.hold(spend=told.append) as lanes:
        with pytest.raises(AttemptFailed):
            await lanes[0].run(child_work.burn_and_die, 0.3, signal.SIGSEGV)

    # By clock ticks, and without its memory, which went with it.
    [used] = told
    assert used.cpu_s >= 0.2
    assert used.peak_bytes is None


async def test_work_that_is_cancelled_has_used_what_it_did_until_then(
    pool: ChildPool, tmp_path: Path
) -> None:
    # Given a call that has been busy for a while
    told: list[Used] = []
    started = tmp_path / "started"

    async def burn() -> None:
        async with pool.hold(spend=told.append) as lanes:
            await lanes[0].run(child_work.burn_for_ever, str(started))

    call = asyncio.create_task(burn())
    await asyncio.to_thread(wait_until, lambda: started.exists() and started.read_text())
    child = psutil.Process(int(started.read_text()))
    before_s = child.cpu_times().user
    await asyncio.to_thread(wait_until, lambda: child.cpu_times().user >= before_s + 0.2)

    # When it is cancelled
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    # Then both are known
    [used] = told
    assert used.cpu_s >= 0.2
    assert used.peak_bytes is not None
