"""What waits for a watch of many jobs: in order, bounded, with only progress ever replaced."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Draining
from scheduler.watch.batch import Batch
from scheduler.watch.inbox import Inbox, Lane, Passed
from scheduler.watch.position import ORIGIN
from scheduler.watch.subscription import FellBehind


def _state(number: int, jobs: int = 1) -> Batch:
    lines = "\n".join(f"S\tj{i}\t1\t1\tRUNNING\t\t\tP" for i in range(jobs))
    return Batch((f"{number}-0".encode(), {b"1": lines.encode()}))


def _progress(number: int, job: str) -> Batch:
    report = '{"fraction":0.5,"stage":"","done":0,"total":0,"finish":null,"at":1}'
    return Batch((f"{number}-0".encode(), {b"1": f"P\t{job}\t1\t1\t{report}\t".encode()}))


def _numbers(inbox: Inbox) -> list[int]:
    return [
        item.position.milliseconds
        for _, item in inbox.take(1_000_000, 1_000_000_000)
        if isinstance(item, Batch)
    ]


def _lane(inbox: Inbox) -> Lane:
    lane = Lane("q", inbox)
    lane.is_live = True
    return lane


async def test_what_is_offered_is_taken_in_order() -> None:
    inbox = Inbox()
    one, other = _lane(inbox), _lane(inbox)
    one.offer(_state(1))
    other.offer(_state(2))
    one.skip(ORIGIN, "e")

    await inbox.wait(1)
    taken = list(inbox.take(100, 1_000_000))

    assert [lane for lane, _ in taken] == [one, other, one]
    assert isinstance(taken[-1][1], Passed)
    with pytest.raises(TimeoutError):
        await inbox.wait(0.01)


async def test_what_comes_as_the_time_is_up_is_not_taken_for_silence() -> None:
    """Else the watch would stand behind it, and never tell it."""
    inbox = Inbox()
    lane = _lane(inbox)
    loop = asyncio.get_running_loop()
    waiting = asyncio.create_task(inbox.wait(0.01))
    await asyncio.sleep(0)
    # The loop is held up, so that both are due in one turn of it: first the time, then the event.
    loop.call_later(0.02, lane.offer, _state(1))
    held_until_s = loop.time() + 0.03
    while loop.time() < held_until_s:
        pass

    await waiting
    assert _numbers(inbox) == [1]


def test_a_lane_that_is_not_live_takes_in_nothing_but_gaps() -> None:
    inbox = Inbox()
    lane = Lane("q", inbox)
    lane.offer(_state(1))
    lane.skip(ORIGIN, "e")

    assert [type(item) for _, item in inbox.take(10, 1_000)] == [Passed]


def test_progress_gives_way_to_newer_progress_of_its_job_only() -> None:
    inbox = Inbox()
    lane = _lane(inbox)
    for number, job in enumerate(("a", "b", "a"), 1):
        lane.offer(_progress(number, job))
    lane.offer(_state(4))
    lane.offer(_progress(5, "a"))

    assert inbox.waiting == 3
    assert _numbers(inbox) == [2, 4, 5]


async def test_endless_progress_of_one_job_takes_no_space() -> None:
    inbox = Inbox(max_events=100)
    lane = _lane(inbox)
    for number in range(1, 5_000):
        lane.offer(_progress(number, "a"))

    await inbox.wait(1)
    assert inbox.waiting == 1
    assert _numbers(inbox) == [4_999]


async def test_more_events_than_may_wait_are_all_dropped() -> None:
    inbox = Inbox(max_events=100)
    lane = _lane(inbox)
    lane.offer(_state(1, jobs=60))
    lane.offer(_state(2, jobs=60))
    lane.offer(_state(3))

    with pytest.raises(FellBehind):
        await inbox.wait(1)


async def test_one_batch_always_fits() -> None:
    inbox = Inbox(max_events=1, max_bytes=10)
    _lane(inbox).offer(_state(1, jobs=60))

    await inbox.wait(1)
    assert _numbers(inbox) == [1]


async def test_what_waits_when_the_feed_ends_is_taken_before_its_error() -> None:
    inbox = Inbox()
    lane = _lane(inbox)
    lane.offer(_state(1))
    lane.close(Draining())

    await inbox.wait(1)
    assert _numbers(inbox) == [1]
    with pytest.raises(Draining):
        await inbox.wait(1)


async def test_a_poke_wakes_once() -> None:
    inbox = Inbox()
    inbox.poke()
    await inbox.wait(1)
    with pytest.raises(TimeoutError):
        await inbox.wait(0.01)


@given(st.lists(st.sampled_from(["a", "b", "state"]), max_size=60), st.integers(1, 9))
def test_nothing_but_older_progress_is_ever_missing(offers: list[str], at_once: int) -> None:
    inbox = Inbox()
    lane = _lane(inbox)
    told: list[int] = []
    for number, offer in enumerate(offers, 1):
        lane.offer(_state(number) if offer == "state" else _progress(number, offer))
        if number % at_once == 0:
            told += _numbers(inbox)
    told += _numbers(inbox)

    assert told == sorted(told)
    missing = set(range(1, len(offers) + 1)) - set(told)
    assert all(offers[number - 1] != "state" for number in missing)
    for number in missing:
        assert offers[number - 1] in offers[number:], "newer progress took its place"
    assert inbox.waiting == 0
