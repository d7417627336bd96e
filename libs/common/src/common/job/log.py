"""A line that a job writes about itself: what may stand in it, and how large it may be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from common.job.redaction import is_secret_name, redacted, shown

#: A job keeps this many of its newest lines.
LINES_KEPT: Final = 500
#: The most that the message and the fields of one line take together, as JSON (bytes).
LINE_BYTES: Final = 2_048
#: Longest message, and longest value of a field (characters); what is longer is cut.
MESSAGE_LENGTH: Final = 1_000
VALUE_LENGTH: Final = 200
#: The most fields of one line.
FIELDS: Final = 16
#: Longest name of a field (characters).
NAME_LENGTH: Final = 64

Value = str | int | float | bool | None


class LogLevel(StrEnum):
    """How much a line matters."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line, fit to be kept: masked and bounded."""

    #: When it was written, by its worker's clock (Unix ms).
    at_ms: int
    level: LogLevel
    message: str
    fields: Mapping[str, Value]


def line_of(level: str, message: str, fields: Mapping[str, object], *, at_ms: int) -> LogLine:
    """Return a line. Personal data and secrets with a pattern are masked, what is too long is cut.

    A value that is no text, number or truth value is named by its type and never quoted: a transcript that
    is handed over by mistake stays where it is. What does not fit into LINE_BYTES is left out, and counted in
    the field "omitted".

    Raises:
        ValueError: There is no such level.
    """
    try:
        named = LogLevel(level.upper())
    except ValueError:
        names = ", ".join(LogLevel)
        raise ValueError(f"level: {level[:20]!r} is not one of {names}") from None
    text = shown(message, MESSAGE_LENGTH)
    kept: dict[str, Value] = {}
    left = LINE_BYTES - _size(text) - _size("omitted") - 16
    omitted = 0
    for name, value in fields.items():
        key = shown(name, NAME_LENGTH)
        shown_value = "[SECRET]" if is_secret_name(name) and value is not None else _value(value)
        size = _size(key) + _size(shown_value) + 2
        if len(kept) == FIELDS or size > left:
            omitted += 1
            continue
        kept[key] = shown_value
        left -= size
    if omitted:
        kept["omitted"] = omitted
    return LogLine(at_ms, named, text, kept)


def _value(value: object) -> Value:
    match value:
        case bool() | None:
            return value
        case int() if abs(value) < 2**53:
            # A number may be a phone's or a card's as well.
            masked = redacted(str(value))
            return value if masked == str(value) else masked
        case float() if value == value and abs(value) != float("inf"):
            return value
        case int() | float() | str():
            return shown(str(value), VALUE_LENGTH)
    return type(value).__name__


def _size(value: Value) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())
