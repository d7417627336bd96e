"""Limits of a model at its provider: what an operator sets, and what the provider's replies tell."""

from __future__ import annotations

import email.utils
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: Dimensions in the order in which the scripts have a call's amounts.
DIMENSIONS: Final = ("requests", "tokens", "input_tokens", "output_tokens")
MINUTE_MS: Final = 60_000
#: A limit whose period seems to be shorter than this is by the minute: short spans are measured badly.
_LONG_PERIOD_MS: Final = 180_000
#: From so many units used on, the period that headers imply is believed.
_MEASURABLE: Final = 10
_UNITS_MS: Final[Mapping[str, float]] = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
#: Nobody is waited for longer without a new look, whatever is asked for.
_LONGEST_PAUSE_MS: Final = 86_400_000
_SECONDS: Final = re.compile(r"\d+(?:\.\d+)?")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


@dataclass(frozen=True, slots=True)
class ProviderLimits:
    """What an operator allows the whole fleet, by the minute. None: as much as the provider."""

    requests: int | None = None
    #: Input and output together, as the provider counts them when a call comes in.
    tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    #: Calls at once.
    in_flight: int | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit as the provider told it, and what was left of it."""

    limit: int
    remaining: int
    #: In which the whole limit is refilled.
    period_ms: int = MINUTE_MS


@dataclass(frozen=True, slots=True)
class Told:
    """What the headers of one reply say."""

    requests: Quota | None = None
    tokens: Quota | None = None
    retry_after_ms: int | None = None


#: Of a call that brought no headers.
NOTHING_TOLD: Final = Told()


def told_by(headers: Mapping[str, str]) -> Told:
    """Read x-ratelimit-* and retry-after*; what cannot be read counts as not told."""
    low = {name.lower(): value.strip() for name, value in headers.items()}
    return Told(_quota(low, "requests"), _quota(low, "tokens"), retry_after_of(low))


def retry_after_of(headers: Mapping[str, str]) -> int | None:
    """Return how long the provider asks to wait (ms), a day at most. retry-after-ms is finer, and goes first.

    Retry-After may also be a date (RFC 9110, 10.2.3): it is held against the reply's own, or else our clock.
    """
    for name, unit in (("retry-after-ms", 1), ("retry-after", 1_000)):
        try:
            value = float(headers.get(name, ""))
        except ValueError:
            continue
        if math.isfinite(value) and value >= 0:
            return math.ceil(min(value * unit, _LONGEST_PAUSE_MS))
    until_s = _date_s(headers.get("retry-after", ""))
    if until_s is None:
        return None
    now_s = _date_s(headers.get("date", ""))
    left_s = until_s - (time.time() if now_s is None else now_s)
    return math.ceil(min(max(0, left_s * 1_000), _LONGEST_PAUSE_MS))


def _date_s(text: str) -> float | None:
    """Return a date as HTTP writes it (Unix s); None for anything else."""
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def duration_ms(text: str) -> int | None:
    """Return a span such as "6m0s", "1.2s", "120ms" or "5", which is in seconds, in ms, rounded up.

    None for anything else.
    """
    if _SECONDS.fullmatch(text):
        return math.ceil(float(text) * 1_000)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return math.ceil(sum(float(number) * _UNITS_MS[unit] for number, unit in parts))


def _quota(headers: Mapping[str, str], kind: str) -> Quota | None:
    limit = headers.get(f"x-ratelimit-limit-{kind}", "")
    remaining = headers.get(f"x-ratelimit-remaining-{kind}", "")
    if not (limit.isdecimal() and remaining.isdecimal() and 0 < int(limit) < 10**12):
        return None
    left = min(int(remaining), int(limit))
    reset_ms = duration_ms(headers.get(f"x-ratelimit-reset-{kind}", ""))
    period_ms, used = MINUTE_MS, int(limit) - left
    if reset_ms is not None and used >= _MEASURABLE:
        seen = reset_ms * int(limit) // used
        period_ms = seen if seen >= _LONG_PERIOD_MS else MINUTE_MS
    return Quota(int(limit), left, period_ms)
