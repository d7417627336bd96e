"""What is sent of a long debate is the same, whoever has written it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from analysis_worker.engines.openai import estimates
from analysis_worker.engines.openai.outbound import Outbound, Way, messages_of, windows
from analysis_worker.runtime.children import ChildPool
from analysis_worker.transcript.in_child import FIRST
from analysis_worker.transcript.packed import Packed, WrittenWindow
from analysis_worker.transcript.places import Place
from analysis_worker.transcript.sending import outbound
from analysis_worker.transcript.writing import take, write
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass
from common.provider.planning import WINDOW_TOKENS
from support.attempts import RecordedAttempt, context_of
from support.debates import debate

T = TypeVar("T")
WAYS: tuple[Way, ...] = ((False, True), (False, False), (True, False))
LONG = debate(200).SerializeToString()


class AnyChild:
    """A child of a pool for each call; remembers what was called."""

    def __init__(self, pool: ChildPool) -> None:
        self._pool = pool
        self.called: list[str] = []

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        self.called.append(function.__name__)
        async with self._pool.hold() as lanes:
            return await lanes[0].run(function, *args)


class Nowhere:
    """A place whose child is lost in each call."""

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        raise AttemptFailed(ErrorClass.TRANSIENT, "CHILD_KILLED", "it was ended from outside")


@pytest.fixture(scope="module")
def children() -> Iterator[ChildPool]:
    pool = ChildPool(2)
    yield pool
    pool.close()


async def made(place: Place) -> tuple[Packed, tuple[WrittenWindow, ...]]:
    return await outbound(context_of(RecordedAttempt()), place, "bridge", LONG, b"secret", WAYS)


def all_sent(sent: Outbound) -> list[tuple[str, str]]:
    return [
        messages_of(sent, window, swapped=swapped, blind=blind)
        for window in windows(sent, WINDOW_TOKENS)
        for swapped, blind in WAYS
    ]


async def test_children_write_what_would_be_written_here(children: ChildPool) -> None:
    place = AnyChild(children)
    packed, first = await made(place)
    expected = all_sent(packed.unpacked())

    sent = packed.unpacked()
    left = take(sent, first)
    assert len(first) == FIRST < len(left) + FIRST == len(windows(sent, WINDOW_TOKENS))
    tasks = write(place, packed, left, WAYS)
    for window in left:
        await window.come()
    assert all(task.done() for task in tasks)
    assert place.called == ["outbound", "written", "written"]
    assert all_sent(sent) == expected


async def test_what_a_child_has_estimated_is_known(children: ChildPool) -> None:
    packed, first = await made(AnyChild(children))
    take(packed.unpacked(), first)
    digests = [digest for each in first for digest, _ in each.estimates]
    assert len(digests) == FIRST * len(WAYS)
    for (_, content), (digest, tokens) in zip(
        all_sent(packed.unpacked()), (pair for each in first for pair in each.estimates), strict=False
    ):
        assert estimates.estimate_of(content) == (digest, tokens)
        assert estimates.estimated(estimates.canonical(content)) == tokens


async def test_a_window_that_no_child_could_write_is_written_here(children: ChildPool) -> None:
    packed, first = await made(AnyChild(children))
    sent = packed.unpacked()
    tasks = write(Nowhere(), packed, take(sent, first), WAYS)
    for window in windows(sent, WINDOW_TOKENS):
        await window.come()
    assert [task.exception() for task in tasks] == [None, None]
    assert all_sent(sent) == all_sent(packed.unpacked())


async def test_a_short_debate_is_written_with_its_text(children: ChildPool) -> None:
    place = AnyChild(children)
    short = debate(3).SerializeToString()
    packed, first = await outbound(context_of(RecordedAttempt()), place, "bridge", short, b"secret", WAYS)
    assert [each.sent.keys() for each in first] == [set(WAYS)]
    assert write(place, packed, take(packed.unpacked(), first), WAYS) == []
