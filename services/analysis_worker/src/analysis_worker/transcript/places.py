"""Where the steps of an analysis are computed: on a child that it holds, or on whichever has a turn for it.

An analysis that asks nobody holds its children to its end: nobody could do anything with them before. While a
model is asked, a child that is held for work that can wait keeps others from asking theirs. What has to be
done before a model can be asked goes before what is done with answers: the sooner a call leaves, the sooner
its answer comes, and those that are there do not run away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from analysis_worker.runtime.children import LATER_S, SOON_S, Lane
from analysis_worker.runtime.context import JobContext

T = TypeVar("T")


class Place(Protocol):
    """Computes one call at a time; as Lane."""

    async def run(self, function: Callable[..., T], *args: Any) -> T: ...


class Turns:
    """Has a turn at a child for each call, rather at one that has the conversation prepared."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        #: The children that were used last.
        self._known: Sequence[Lane] = ()

    def at(self, after_s: float = 0.0) -> Place:
        """Return a place whose calls come in the order in which they are made, or as ChildPool.hold says."""
        return _Turn(self, after_s)

    @property
    def later(self) -> Place:
        """For what nobody waits for yet."""
        return self.at(LATER_S)

    @property
    def soon(self) -> Place:
        """For what a call to a model waits for."""
        return self.at(SOON_S)

    async def run(self, function: Callable[..., T], *args: Any, after_s: float) -> T:
        async with self._context.hold_children(like=self._known, after_s=after_s) as lanes:
            if after_s >= 0:  # what is made ready to leave is of no use to what follows
                self._known = (*lanes, *self._known[:1])
            return await lanes[0].run(function, *args)


class _Turn:
    """One of the places of an analysis."""

    def __init__(self, turns: Turns, after_s: float) -> None:
        self._turns = turns
        self._after_s = after_s

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        return await self._turns.run(function, *args, after_s=self._after_s)
