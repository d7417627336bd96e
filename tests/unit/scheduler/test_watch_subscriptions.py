"""What waits for one watcher: in order, bounded, and only progress gives way."""

from __future__ import annotations

import asyncio

import pytest

from common.errors import Draining
from common.job.ids import JobId
from common.job.model import Content, Progress
from common.job.states import JobState
from common.store.events import PartMade, Progressed, StateChanged
from scheduler.watch.position import Placed, Position
from scheduler.watch.subscription import FellBehind, Gap, Subscription

JOB = JobId("ai-1")


def _moved(place: int) -> Placed:
    return Placed(Position(place, 0, 0), StateChanged(JOB, place, 1, JobState.RUNNING, None))


def _progressed(place: int, attempt: int = 1) -> Placed:
    return Placed(Position(place, 0, 0), Progressed(JOB, place, attempt, Progress(0.5)))


def _made(place: int, size_bytes: int = 1) -> Placed:
    content = Content("text/plain", b"x" * size_bytes)
    return Placed(Position(place, 0, 0), PartMade(JOB, place, 1, f"p{place}", content=content))


async def _taken(subscription: Subscription) -> list[int]:
    taken = []
    while not subscription.is_empty:
        item = await subscription.next()
        assert isinstance(item, Placed)
        taken.append(item.position.milliseconds)
    return taken


async def test_events_are_taken_in_the_order_they_were_offered() -> None:
    subscription = Subscription(JOB)
    for placed in (_moved(1), _progressed(2), _made(3), _moved(4)):
        subscription.offer(placed)

    assert await _taken(subscription) == [1, 2, 3, 4]


async def test_progress_that_waits_gives_way_to_later_progress_of_the_same_attempt() -> None:
    subscription = Subscription(JOB)
    for placed in (
        _progressed(1),
        _progressed(2),
        _made(3),
        _progressed(4),
        _progressed(5),
        _progressed(6, 2),
    ):
        subscription.offer(placed)

    assert await _taken(subscription) == [2, 3, 5, 6]


async def test_a_taker_waits_for_what_comes_next() -> None:
    subscription = Subscription(JOB)
    taking = asyncio.create_task(subscription.next())
    await asyncio.sleep(0)
    subscription.offer(_moved(1))

    assert await taking == _moved(1)


async def test_too_many_events_end_the_subscription() -> None:
    subscription = Subscription(JOB, max_waiting=3)
    for place in range(4):
        subscription.offer(_moved(place))

    with pytest.raises(FellBehind):
        await subscription.next()


async def test_too_many_bytes_end_the_subscription() -> None:
    subscription = Subscription(JOB, max_waiting_bytes=10_000)
    subscription.offer(_made(1, 6_000))
    subscription.offer(_made(2, 6_000))

    with pytest.raises(FellBehind):
        await subscription.next()


async def test_one_event_always_fits_and_room_is_made_by_taking() -> None:
    subscription = Subscription(JOB, max_waiting_bytes=10_000)
    for place in range(5):
        subscription.offer(_made(place, 20_000))
        assert await subscription.next() == _made(place, 20_000)


async def test_a_gap_stands_where_events_were_missed() -> None:
    subscription = Subscription(JOB)
    subscription.offer(_moved(1))
    subscription.skip()
    subscription.offer(_moved(3))

    assert [await subscription.next() for _ in range(3)] == [_moved(1), Gap(), _moved(3)]


async def test_what_waits_is_still_taken_after_the_feed_has_ended() -> None:
    subscription = Subscription(JOB)
    subscription.offer(_moved(1))
    subscription.close(Draining())

    assert await subscription.next() == _moved(1)
    with pytest.raises(Draining):
        await subscription.next()
