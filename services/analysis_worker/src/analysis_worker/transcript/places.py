"""Where the steps of an analysis are computed: on a child that it holds, or on whichever has a turn for it.

An analysis that asks nobody holds its children to its end: nobody could do anything with them before. While a
model is asked, a child that is held for work that can wait keeps others from asking theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from analysis_worker.runtime.children import Lane
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

    def at(self, *, later: bool = False) -> Place:
        """Return a place whose calls come in the order in which they are made, or `later`: behind others'."""
        return _Turn(self, later=later)

    async def run(self, function: Callable[..., T], *args: Any, later: bool) -> T:
        async with self._context.hold_children(like=self._known, later=later) as lanes:
            self._known = (*lanes, *self._known[:1])
            return await lanes[0].run(function, *args)


class _Turn:
    """One of the places of an analysis."""

    def __init__(self, turns: Turns, *, later: bool) -> None:
        self._turns = turns
        self._later = later

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        return await self._turns.run(function, *args, later=self._later)
