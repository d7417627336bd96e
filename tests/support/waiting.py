"""Waiting for a condition, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")

#: Long enough for a loaded machine; a test that needs it all has failed.
PATIENCE_S: Final = 20.0
_PAUSE_S: Final = 0.005


def wait_until(condition: Callable[[], T], *, timeout_s: float = PATIENCE_S) -> T:
    """Return the first true value of `condition`; fail with its last value when patience ends."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {value!r} after {timeout_s} s: {condition}")
        time.sleep(_PAUSE_S)
    return value


async def wait_until_async(condition: Callable[[], Awaitable[T]], *, timeout_s: float = PATIENCE_S) -> T:
    """Return the first true value of the coroutine function `condition`."""
    deadline = time.monotonic() + timeout_s
    while not (value := await condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {value!r} after {timeout_s} s: {condition}")
        await asyncio.sleep(_PAUSE_S)
    return value
