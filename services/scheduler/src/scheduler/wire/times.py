"""Instants and durations: `Timestamp` and `Duration` on the wire, milliseconds as `int` inside."""

from __future__ import annotations

from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from common.errors import InvalidField

#: 9999-12-31T23:59:59.999Z, the last instant that RFC 3339 can spell (ms).
LATEST_MS: Final = 253_402_300_799_999
#: About 10,000 years: the longest Duration that the protobuf documentation allows (s).
_LONGEST_S: Final = 315_576_000_000
_NANOS: Final = 1_000_000_000


def instant_to_pb(at_ms: int) -> Timestamp:
    """Return an instant; one after 9999, which JSON cannot spell, as the last that it can."""
    at_ms = min(at_ms, LATEST_MS)
    return Timestamp(seconds=at_ms // 1000, nanos=at_ms % 1000 * 1_000_000)


def set_instant(instant: Timestamp, at_ms: int) -> None:
    """Set a field of a message in place, as `instant_to_pb`."""
    at_ms = min(at_ms, LATEST_MS)
    instant.seconds = at_ms // 1000
    instant.nanos = at_ms % 1000 * 1_000_000


def duration_to_pb(length_ms: int) -> Duration:
    """Return a duration from 0; one over 10,000 years, which JSON cannot spell, as so many."""
    length_ms = min(length_ms, _LONGEST_S * 1000)
    return Duration(seconds=length_ms // 1000, nanos=length_ms % 1000 * 1_000_000)


def instant_from_pb(instant: Timestamp, field: str) -> int:
    """Return Unix ms, rounded down.

    Raises:
        InvalidField: `field` is before 1970, after 9999 or malformed.
    """
    at_ms = instant.seconds * 1000 + instant.nanos // 1_000_000
    if not 0 <= instant.nanos < _NANOS or not 0 <= at_ms <= LATEST_MS:
        raise InvalidField(field, "must be a time between 1970 and 9999, with 0 to 999,999,999 nanos")
    return at_ms


def duration_from_pb(duration: Duration, field: str) -> int:
    """Return ms, rounded down.

    Raises:
        InvalidField: `field` is negative, malformed or longer than 10,000 years.
    """
    if not 0 <= duration.nanos < _NANOS or not 0 <= duration.seconds <= _LONGEST_S:
        raise InvalidField(field, "must be a duration from 0 to 10,000 years, with 0 to 999,999,999 nanos")
    return duration.seconds * 1000 + duration.nanos // 1_000_000
