"""Arguments that several operations take."""

from __future__ import annotations

from common.store.operation import Argument


def now_argument(now_ms: int | None) -> Argument:
    """Return a test's time for a script, or what makes it use the server's clock."""
    return blank_or(now_ms)


def blank_or(value: int | None) -> Argument:
    """Return a number, or the empty text that stands for none."""
    return "" if value is None else value
