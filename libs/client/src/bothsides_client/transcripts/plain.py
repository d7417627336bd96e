"""Plain text: a line "Name: words" begins a speech, other lines continue it.

A time may stand before the name or behind it ("[00:01:02] Anna: ..."). Before the first speech the lines
`Title:`, `Motion:` and `Language:` say what the debate is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bothsides_client.errors import TranscriptError
from bothsides_client.transcripts.labels import LabelReader
from bothsides_client.transcripts.speakers import Header, Speech

_CLOCK: Final = re.compile(r"(?:(\d{1,3}):)?([0-5]?\d):([0-5]\d)(?:[.,](\d{1,3}))?")
_TIME_FIRST: Final = re.compile(
    r"[\[(]?(?P<clock>(?:\d{1,3}:)?[0-5]?\d:[0-5]\d(?:[.,]\d{1,3})?)[\])]?[\s–-]+(?P<rest>.*)"
)
_HEADER: Final = re.compile(r"(title|motion|language)\s*:\s*(.+)", re.IGNORECASE)


@dataclass(slots=True)
class _Open:
    """A speech that may go on."""

    name: str
    line: int
    start_s: float | None
    words: list[str]


def read_plain(text: str, path: str) -> tuple[list[Speech], Header]:
    """Return the speeches and the header.

    Raises:
        TranscriptError: There are words before the first name.
    """
    fields: dict[str, str] = {}
    speeches: list[_Open] = []
    labels = LabelReader()
    for number, raw in enumerate(text.split("\n"), 1):
        line = " ".join(raw.split())
        if not line:
            continue
        if not speeches and (field := _HEADER.fullmatch(line)):
            fields[field[1].lower()] = field[2]
            continue
        clock, rest = _split_time(line)
        if label := labels.read(rest):
            start_s = _seconds(clock) if clock else _seconds(label.time)
            speeches.append(_Open(label.name, number, start_s, [label.text]))
        elif speeches:
            speeches[-1].words.append(rest if line[0] in "[(" else line)
        else:
            raise TranscriptError(path, number, 'nobody is named: begin each contribution with "Name: "')
    header = Header(fields.get("title", ""), fields.get("motion", ""), fields.get("language", ""))
    return [
        Speech(each.name, " ".join(each.words).strip(), each.line, each.start_s) for each in speeches
    ], header


def _split_time(line: str) -> tuple[str, str]:
    match = _TIME_FIRST.fullmatch(line)
    return (match["clock"], match["rest"]) if match else ("", line)


def _seconds(clock: str) -> float | None:
    """Return "1:02:03.5" as seconds, or None if it is no time."""
    match = _CLOCK.fullmatch(clock)
    if match is None:
        return None
    hours, minutes, seconds, fraction = match.groups()
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + int((fraction or "0").ljust(3, "0")) / 1000
