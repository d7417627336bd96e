"""Child processes: what comes back, and what is left when one is killed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from analysis_worker.runtime.child_process import ChildProcess, PoolClosed
from analysis_worker.runtime.children import KNOWN_S, LATER_S, SOON_S, ChildPool, Lane
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass
from support import child_work
from support.waiting import wait_until

T = TypeVar("T")
MEBIBYTE = 1024 * 1024


@contextlib.contextmanager
def pool_of(size: int, *, memory_bytes: int = 0) -> Iterator[ChildPool]:
    pool = ChildPool(size, memory_bytes=memory_bytes)
    pool.start()
    try:
        yield pool
    finally:
        pool.close()


@pytest.fixture(scope="module")
def pool() -> Iterator[ChildPool]:
    """One child; the tests that kill it find it replaced."""
    with pool_of(1) as made:
        yield made


async def in_child(pool: ChildPool, function: Callable[..., T], *args: object) -> T:
    async with pool.hold() as lanes:
        return await lanes[0].run(function, *args)


async def begun(path: Path) -> int:
    """Wait until a child has said that it computes; return its process id."""

    await asyncio.to_thread(wait_until, path.exists)
    return int(await asyncio.to_thread(path.read_text))


async def test_a_value_comes_back_from_another_process(pool: ChildPool) -> None:
    assert await in_child(pool, child_work.add, 2, 3) == 5
    assert await in_child(pool, child_work.own_pid) in pool.pids


async def test_a_typed_failure_comes_back_with_all_its_fields(pool: ChildPool) -> None:
    with pytest.raises(AttemptFailed) as caught:
        await in_child(pool, child_work.refuse)

    failure = caught.value
    assert failure.error_class is ErrorClass.INVALID_INPUT
    assert (failure.reason, failure.message, failure.suggestion) == (
        "TOO_SHORT",
        "two words are too few",
        "write more",
    )


async def test_an_unforeseen_exception_is_a_bug_and_its_text_stays_in_the_child(
    pool: ChildPool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(AttemptFailed) as caught:
        await in_child(pool, child_work.leak, "the-secret")

    failure = caught.value
    assert (failure.error_class, failure.reason) == (ErrorClass.BUG, "TELLS_SECRETS")
    assert "child_work.py" in caplog.text  # the place is named
    assert "the-secret" not in f"{caplog.text} {failure} {failure.message}"


async def test_a_value_that_does_not_pickle_is_a_bug_and_the_child_lives_on(pool: ChildPool) -> None:
    before = await in_child(pool, child_work.own_pid)

    with pytest.raises(AttemptFailed) as caught:
        await in_child(pool, child_work.locked)

    assert caught.value.error_class is ErrorClass.BUG
    assert await in_child(pool, child_work.own_pid) == before


async def test_a_child_that_is_killed_fails_its_call_and_is_replaced(pool: ChildPool) -> None:
    with pytest.raises(AttemptFailed) as caught:
        await in_child(pool, child_work.die, signal.SIGKILL)

    failure = caught.value
    assert (failure.error_class, failure.reason) == (ErrorClass.TRANSIENT, "CHILD_KILLED")
    assert "SIGKILL" in failure.message
    assert await in_child(pool, child_work.add, 1, 1) == 2


async def test_a_child_that_died_while_idle_costs_nobody_a_call(pool: ChildPool) -> None:
    victim = psutil.Process(await in_child(pool, child_work.own_pid))

    victim.kill()
    wait_until(lambda: not victim.is_running() or victim.status() == psutil.STATUS_ZOMBIE)

    assert await in_child(pool, child_work.add, 1, 1) == 2


def test_a_child_whose_end_another_thread_has_heard_of_first_is_replaced_all_the_same() -> None:
    """As multiprocessing may, in the middle of starting another process."""
    child = ChildProcess("child", 0, None)
    child.start()
    former = child.pid
    assert former is not None
    try:
        os.kill(former, signal.SIGKILL)
        os.waitpid(former, 0)
        child.empty()
        child.start()
        assert child.pid not in (None, former)
    finally:
        child.empty()


async def test_cancelling_a_call_kills_its_child_and_the_next_call_gets_a_new_one(
    pool: ChildPool, tmp_path: Path
) -> None:
    # Given a child that computes without end
    started = tmp_path / "started"
    call = asyncio.create_task(in_child(pool, child_work.compute_for_ever, str(started)))
    pid = await begun(started)

    # When the call is cancelled
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    # Then the process ends, and another one answers
    await asyncio.to_thread(wait_until, lambda: not psutil.pid_exists(pid))
    assert await in_child(pool, child_work.own_pid) != pid


async def test_a_call_that_is_cancelled_while_it_waits_for_its_turn_kills_nothing(
    pool: ChildPool, tmp_path: Path
) -> None:
    # Given one child, busy, and two calls that wait
    started = tmp_path / "started"
    busy = asyncio.create_task(in_child(pool, child_work.compute_for_ever, str(started)))
    pid = await begun(started)
    first, second = (asyncio.create_task(in_child(pool, child_work.add, number, 1)) for number in (1, 2))
    await asyncio.sleep(0)

    # When the first of them is cancelled
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first

    # Then the busy child goes on, and the second has its turn once that ends
    assert psutil.pid_exists(pid)
    busy.cancel()
    assert await second == 3


async def test_a_child_that_wants_too_much_memory_is_told_apart_from_one_that_was_killed() -> None:
    with pool_of(1, memory_bytes=64 * MEBIBYTE) as small:
        assert await in_child(small, child_work.hold, 8) == 8 * MEBIBYTE

        with pytest.raises(AttemptFailed) as caught:
            await in_child(small, child_work.hold, 512)

        failure = caught.value
        assert (failure.error_class, failure.reason) == (ErrorClass.INVALID_INPUT, "CHILD_OUT_OF_MEMORY")
        assert "WORKER_CHILD_MEMORY_BYTES" in failure.suggestion
        assert await in_child(small, child_work.hold, 8) == 8 * MEBIBYTE


async def test_the_memory_that_others_left_behind_is_held_against_nobody() -> None:
    with pool_of(1, memory_bytes=64 * MEBIBYTE) as small:
        for _ in range(6):
            async with small.hold() as lanes:
                # Each call alone is within the limit, all that is kept by them is not.
                await lanes[0].run(child_work.keep, 12)
                assert await lanes[0].run(child_work.hold, 40) == 40 * MEBIBYTE


async def test_a_child_that_keeps_much_is_replaced_once_it_is_given_back() -> None:
    with pool_of(1, memory_bytes=64 * MEBIBYTE) as small:
        before = await in_child(small, child_work.keep, 4)
        assert await in_child(small, child_work.own_pid) == before

        await in_child(small, child_work.keep, 24)

        assert await in_child(small, child_work.own_pid) != before


@pytest.mark.parametrize(
    ("work", "args", "reason"),
    [
        (child_work.overflow_the_stack, (), "CHILD_CRASHED"),
        (child_work.die, (signal.SIGABRT,), "CHILD_CRASHED"),
        (child_work.leave_by, (0,), "CHILD_EXITED"),
        (child_work.leave_by, (3,), "CHILD_EXITED"),
        (child_work.leave_politely, (), "CHILD_EXITED"),
    ],
)
async def test_work_that_ends_its_own_process_is_a_bug_of_that_work(
    pool: ChildPool, work: Callable[..., None], args: tuple[int, ...], reason: str
) -> None:
    with pytest.raises(AttemptFailed) as caught:
        await in_child(pool, work, *args)

    assert (caught.value.error_class, caught.value.reason) == (ErrorClass.BUG, reason)
    assert await in_child(pool, child_work.add, 1, 1) == 2


@pytest.mark.parametrize("ends_badly", [child_work.overflow_the_stack, child_work.leave_politely])
async def test_a_neighbour_of_work_that_crashes_computes_on(
    ends_badly: Callable[..., None], tmp_path: Path
) -> None:
    with pool_of(2, memory_bytes=64 * MEBIBYTE) as two:
        # Given a neighbour that computes
        neighbour = asyncio.create_task(in_child(two, child_work.wait_for, str(tmp_path / "gate")))
        await asyncio.sleep(0)

        # When others crash, and want too much memory
        for work, args in ((ends_badly, ()), (child_work.hold, (512,)), (ends_badly, ())):
            with pytest.raises(AttemptFailed):
                await in_child(two, work, *args)

        # Then it goes on, in the process in which it began
        (tmp_path / "gate").touch()
        assert await neighbour in two.pids


async def test_a_lane_is_one_process_over_all_its_calls(pool: ChildPool) -> None:
    async with pool.hold() as lanes:
        assert len({await lanes[0].run(child_work.own_pid) for _ in range(3)}) == 1


async def test_a_lane_that_is_left_in_the_middle_of_a_call_loses_its_process(
    pool: ChildPool, tmp_path: Path
) -> None:
    # Given a call that still runs
    started = tmp_path / "started"
    async with pool.hold() as lanes:
        call = asyncio.create_task(lanes[0].run(child_work.compute_for_ever, str(started)))
        pid = await begun(started)
        with pytest.raises(RuntimeError, match="one call at a time"):
            await lanes[0].run(child_work.own_pid)

    # When its holder has left, Then the next one gets another process
    assert await in_child(pool, child_work.own_pid) != pid
    with pytest.raises(AttemptFailed):
        await call


async def test_more_children_than_one_are_held_only_if_they_are_idle() -> None:
    with pool_of(2) as two:
        # Given nobody else, both are held
        async with two.hold(most=2) as lanes:
            assert {await lane.run(child_work.own_pid) for lane in lanes} == set(two.pids)

        # Given one that is held already, the other one only
        async with two.hold(), two.hold(most=2) as lanes:
            assert len(lanes) == 1


async def test_a_child_that_was_held_before_is_taken_again_if_it_is_idle() -> None:
    with pool_of(3) as three:
        async with three.hold() as first:
            held = await first[0].run(child_work.own_pid)
        # Two others have been idle for longer
        async with three.hold(like=first) as again:
            assert await again[0].run(child_work.own_pid) == held
            # Given that it is held, another one will do
            async with three.hold(like=first) as other:
                assert await other[0].run(child_work.own_pid) != held


async def test_who_waits_for_a_child_is_not_passed_over_for_anothers_second_one(pool: ChildPool) -> None:
    order: list[str] = []

    async def work(name: str) -> None:
        async with pool.hold(most=2) as lanes:
            assert len(lanes) == 1
            await lanes[0].run(child_work.own_pid)
            order.append(name)

    await asyncio.gather(*(work(name) for name in ("first", "second", "third")))
    assert order == ["first", "second", "third"]


class Clock:
    """A clock that a test sets (s)."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@contextlib.contextmanager
def timed_pool(clock: Clock, size: int = 1) -> Iterator[ChildPool]:
    pool = ChildPool(size, now_s=clock)
    try:
        yield pool
    finally:
        pool.close()


async def in_turn(
    pool: ChildPool, order: list[str], name: str, after_s: float = 0.0, like: Sequence[Lane] = ()
) -> None:
    async with pool.hold(after_s=after_s, like=like) as lanes:
        order.append(name)
        await lanes[0].run(child_work.own_pid)


async def test_work_that_can_wait_lets_those_pass_that_come_soon_after_it() -> None:
    clock = Clock()
    order: list[str] = []
    with timed_pool(clock) as one:
        # Given a child that is held, and work that nobody waits for yet
        async with one.hold():
            waiting = [asyncio.create_task(in_turn(one, order, "can wait", LATER_S))]
            await asyncio.sleep(0)
            # When others come within its time, and one comes after it
            for name, after_s in (("soon", 0.5), ("in time", LATER_S - 0.6), ("late", 0.2)):
                clock.now_s += after_s
                waiting.append(asyncio.create_task(in_turn(one, order, name)))
                await asyncio.sleep(0)
        # Then it goes before the last one only
        await asyncio.gather(*waiting)
    assert order == ["soon", "in time", "can wait", "late"]


async def test_what_a_call_waits_for_passes_what_came_shortly_before_it() -> None:
    clock = Clock()
    order: list[str] = []
    with timed_pool(clock) as one:
        # Given a child that is held, and work that waits for it
        async with one.hold():
            waiting = []
            for name, after_s in (("long ago", 0.0), ("just now", 0.2)):
                clock.now_s += after_s
                waiting.append(asyncio.create_task(in_turn(one, order, name)))
                await asyncio.sleep(0)
            # When something comes for which something waits that takes long
            clock.now_s += -SOON_S - 0.1
            waiting.append(asyncio.create_task(in_turn(one, order, "a call waits", SOON_S)))
            await asyncio.sleep(0)
        # Then it passes those that came within that time
        await asyncio.gather(*waiting)
    assert order == ["long ago", "a call waits", "just now"]


async def test_a_free_child_goes_to_who_was_there_before_and_passes_nobody_for_long() -> None:
    clock = Clock()
    order: list[str] = []
    with timed_pool(clock, 2) as two:
        async with two.hold() as there:
            # Given one child that stays held, and another one for which several wait
            async with two.hold() as here:
                waiting = []
                for name, like in (
                    ("first there", there),
                    ("there", there),
                    ("here", here),
                    ("anywhere", ()),
                    ("here, late", here),
                ):
                    waiting.append(asyncio.create_task(in_turn(two, order, name, like=like)))
                    await asyncio.sleep(0)
                    clock.now_s += 0.4 * KNOWN_S
            # When that one is free, then it goes to who was there, if nobody came long before
            await asyncio.gather(*waiting)
    assert order == ["here", "first there", "there", "anywhere", "here, late"]


async def test_work_that_can_wait_does_not_wait_for_an_idle_child() -> None:
    order: list[str] = []
    with timed_pool(Clock()) as one:
        await in_turn(one, order, "first", LATER_S)
        await in_turn(one, order, "second", LATER_S)
    assert order == ["first", "second"]


async def test_a_turn_that_is_cancelled_as_it_comes_goes_to_the_next(pool: ChildPool) -> None:
    # Given two who wait for one child
    order: list[str] = []
    async with pool.hold():
        first, second = (asyncio.create_task(in_turn(pool, order, name)) for name in ("first", "second"))
        await asyncio.sleep(0)
    # When the first is cancelled between being given the child and hearing of it
    first.cancel()
    # Then the second has it
    await asyncio.wait([first, second])
    assert first.cancelled()
    assert order == ["second"]
    assert pool.busy == 0


async def test_two_children_run_two_calls_at_once(tmp_path: Path) -> None:
    with pool_of(2) as two:
        paths = [tmp_path / "one", tmp_path / "two"]
        calls = [asyncio.create_task(in_child(two, child_work.compute_for_ever, str(path))) for path in paths]

        pids = {await begun(path) for path in paths}

        assert len(pids) == 2
        for call in calls:
            call.cancel()
        assert await asyncio.gather(*calls, return_exceptions=True) != []


async def test_closing_the_pool_leaves_no_process_behind_and_tells_who_waits(tmp_path: Path) -> None:
    # Given a child that is busy, and a call that waits for it
    started = tmp_path / "started"
    with pool_of(1) as one:
        pids = one.pids
        busy = asyncio.create_task(in_child(one, child_work.compute_for_ever, str(started)))
        await begun(started)
        waiting = asyncio.create_task(in_child(one, child_work.add, 1, 1))
        await asyncio.sleep(0)

    # When the pool is closed, Then the process is gone, and neither call is held against its job
    assert not any(psutil.pid_exists(pid) for pid in pids)
    for call in (busy, waiting):
        with pytest.raises(PoolClosed):
            await call
    with pytest.raises(PoolClosed):
        await in_child(one, child_work.add, 1, 1)


def test_children_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    # Given a program with a child that computes without end
    started = tmp_path / "started"
    parent = subprocess.Popen(child_work.program_with_busy_child(started))
    try:
        wait_until(started.exists)
        pid = int(started.read_text())

        # When the program is killed
        parent.kill()
        parent.wait()

        # Then its child ends by itself, in the middle of its work
        wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    finally:
        parent.kill()
