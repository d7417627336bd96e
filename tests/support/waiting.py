"""Waiting for a condition, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")

#: Long enough for a loaded machine; a test that needs it all has failed.
PATIENCE_S: Final = 20.0
#: Between two looks: a twentieth of the wait so far, as looking takes from what is waited for.
_PAUSE_S: Final = 0.005
_LONGEST_PAUSE_S: Final = 0.025


def wait_until(condition: Callable[[], T], *, timeout_s: float = PATIENCE_S) -> T:
    """Return the first true value of `condition`; fail with its last value when patience ends."""
    began = time.monotonic()
    while not (value := condition()):
        waited_s = time.monotonic() - began
        if waited_s > timeout_s:
            raise AssertionError(f"still {value!r} after {timeout_s} s: {condition}")
        time.sleep(_pause_s(waited_s))
    return value


async def wait_until_async(condition: Callable[[], Awaitable[T]], *, timeout_s: float = PATIENCE_S) -> T:
    """Return the first true value of the coroutine function `condition`."""
    began = time.monotonic()
    while not (value := await condition()):
        waited_s = time.monotonic() - began
        if waited_s > timeout_s:
            raise AssertionError(f"still {value!r} after {timeout_s} s: {condition}")
        await asyncio.sleep(_pause_s(waited_s))
    return value


def _pause_s(waited_s: float) -> float:
    return min(max(waited_s / 20, _PAUSE_S), _LONGEST_PAUSE_S)
