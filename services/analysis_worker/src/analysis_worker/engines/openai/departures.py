"""Tells when the calls of one job have left: until then, what can wait is to take no processor from them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

#: A call that takes longer to leave waits for its turn at the provider, and is not waited for (s).
LEAVING_S: Final = 0.3


class Departures:
    """Counts calls that are about to leave. Made for one event loop."""

    def __init__(self) -> None:
        self._about_to_leave = 0
        self._none = asyncio.Event()

    @contextmanager
    def one(self) -> Iterator[Callable[[], None]]:
        """Count a call until what is yielded is called, or the block ends: its answer may have been there."""
        self._about_to_leave += 1
        self._none.clear()
        left = False

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                self._about_to_leave -= 1
                if not self._about_to_leave:
                    self._none.set()

        try:
            yield leave
        finally:
            leave()

    async def wait(self, asking: Iterable[asyncio.Task[Any]]) -> None:
        """Wait until calls have left and none is about to; at most LEAVING_S, or until a task ends.

        Args:
            asking: Those that make the calls.
        """
        left = asyncio.create_task(self._none.wait())
        try:
            await asyncio.wait([left, *asking], timeout=LEAVING_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()
