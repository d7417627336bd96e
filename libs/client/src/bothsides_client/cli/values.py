"""What options say in short, such as "5m" or "10/60s", as values. Wrong input is met with an example."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import typer

T = TypeVar("T")

#: How an option is set back to its default.
NONE: Final = "none"
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SHARE: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)%/(\d+)")
_SIZE: Final = re.compile(r"(\d{1,9})(B|kB|MB|GB|KiB|MiB|GiB)")
_SIZES: Final = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
#: Far more than any option may be, and far less than a datetime can take.
_LONGEST: Final = timedelta(days=3_660)


def duration(text: str) -> timedelta:
    """Read such as "90s", "5m", "1h30m" or "250ms".

    Raises:
        typer.BadParameter: It is none.
    """
    if not text or _PART.sub("", text):
        raise typer.BadParameter(f"{text!r} is no time: write such as 90s, 5m, 1h30m or 250ms")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if seconds > _LONGEST.total_seconds():
        raise typer.BadParameter(f"{text!r} is too long")
    return timedelta(seconds=seconds)


def instant(text: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> datetime:
    """Read a moment: "+5m" from now, or ISO 8601, in local time if it names no zone.

    Raises:
        typer.BadParameter: It is none.
    """
    if text.startswith("+"):
        return now() + duration(text[1:])
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no moment: write such as +5m, 2030-01-31T08:00 or 2030-01-31T08:00Z"
        ) from error
    try:
        return read if read.tzinfo else read.astimezone()
    except (OverflowError, OSError) as error:
        raise typer.BadParameter(f"{text!r} is out of range") from error


def window(text: str) -> tuple[int, timedelta]:
    """Read such as "10/60s": at most ten starts in any 60 seconds.

    Raises:
        typer.BadParameter: It is none.
    """
    starts, slash, period = text.partition("/")
    if not slash or not starts.isdecimal() or int(starts) > 2**31 - 1:
        raise typer.BadParameter(f"{text!r} is no window: write such as 10/60s, for ten starts in 60 s")
    return int(starts), duration(period)


def share(text: str) -> tuple[float, int]:
    """Read such as "20%/10": a share, and a whole number beside it.

    Raises:
        typer.BadParameter: It is none.
    """
    if (match := _SHARE.fullmatch(text)) is None:
        raise typer.BadParameter(f"{text!r} is no budget: write such as 20%/10")
    return float(match[1]) / 100, whole(match[2])


def tolerance(text: str) -> float | int:
    """Read such as "20%", a share as a float, or "5", a count.

    Raises:
        typer.BadParameter: It is none.
    """
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)%", text)
    if found is None:
        return whole(text)
    if float(found[1]) > 100:
        raise typer.BadParameter(f"{text!r} is more than all")
    return float(found[1]) / 100


def pairs(texts: list[str]) -> dict[str, str]:
    """Read "key=value", each.

    Raises:
        typer.BadParameter: One has no "=".
    """
    read = dict(text.partition("=")[::2] for text in texts)
    for text in texts:
        if "=" not in text:
            raise typer.BadParameter(f"{text!r} is no label: write key=value")
    return read


def or_none(text: str, read: Callable[[str], T]) -> T | None:
    """Read the text, or None for "none", which stands for the default."""
    return None if text == NONE else read(text)


def whole(text: str) -> int:
    """Read a whole number.

    Raises:
        typer.BadParameter: It is none.
    """
    if not text.isdecimal() or int(text) > 2**31 - 1:
        raise typer.BadParameter(f"{text!r} is no whole number that fits, nor {NONE!r}")
    return int(text)


def size(text: str) -> int:
    """Read such as "500MB" or "2GiB", as bytes.

    Raises:
        typer.BadParameter: It is none.
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no size: write such as 500MB or 2GiB")
    return int(found[1]) * _SIZES[found[2]]


def micro_usd(text: str) -> int:
    """Read dollars, such as "2.50" or "$0.000001", as millionths of one."""
    found = re.fullmatch(r"\$?(\d{1,6})(?:\.(\d{1,6}))?", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no amount: write dollars, such as 2.50")
    return int(found[1]) * 1_000_000 + int((found[2] or "0").ljust(6, "0"))
