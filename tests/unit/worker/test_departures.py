"""When the calls of a job have left: what is counted meanwhile waits for that, but for no call that waits."""

from __future__ import annotations

import asyncio

from analysis_worker.engines.openai.departures import Departures


async def _forever() -> None:
    await asyncio.Event().wait()


async def test_what_can_wait_goes_on_when_the_last_call_leaves() -> None:
    departures = Departures()
    asking = asyncio.create_task(_forever())
    with departures.one() as first, departures.one() as second:
        waiting = asyncio.create_task(departures.wait([asking]))
        first()
        first()  # it is made once more: it has left all the same
        await asyncio.sleep(0)
        assert not waiting.done()
        second()
        await waiting
    asking.cancel()


async def test_a_call_that_is_not_needed_has_left() -> None:
    departures = Departures()
    asking = asyncio.create_task(_forever())
    waiting = asyncio.create_task(departures.wait([asking]))
    with departures.one():
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting
    asking.cancel()


async def test_nobody_waits_longer_than_who_makes_the_calls() -> None:
    departures = Departures()
    with departures.one():
        await departures.wait([asyncio.create_task(asyncio.sleep(0))])


async def test_a_call_that_waits_for_its_turn_is_not_waited_for() -> None:
    departures = Departures()
    asking = asyncio.create_task(_forever())
    with departures.one():
        await asyncio.wait_for(departures.wait([asking]), 30)
    assert not asking.done()
    asking.cancel()
