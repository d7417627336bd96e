"""WebVTT and SRT: timed cues become speeches.

WebVTT after https://www.w3.org/TR/webvtt1/: voice tags name the speaker, other tags are dropped, STYLE and
REGION blocks are skipped, and a NOTE may say `title:`, `motion:` or `language:`. SRT has no standard;
speakers are "Name: text" within the cue, which WebVTT without voice tags may use as well. A cue that names
nobody continues the speaker before it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bothsides_client.errors import TranscriptError
from bothsides_client.transcripts.labels import LabelReader
from bothsides_client.transcripts.speakers import Header, Speech

_TIME: Final = r"(?:(\d{1,4}):)?([0-5]?\d):([0-5]?\d)[.,](\d{1,3})"
_TIMING: Final = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_VOICE: Final = re.compile(r"<v(?:\.[^\s<>]*)?(?:\s([^<>]*))?>")
_TAG: Final = re.compile(r"</?[a-zA-Z0-9][^<>]*>|\{\\[^{}]*\}")
_NOBODY_NAMED: Final = (
    'nobody is named: begin the cue with "<v Name>" (WebVTT only) or with "Name:" before the words'
)
_NOTE_FIELD: Final = re.compile(r"\s*(title|motion|language)\s*:\s*(.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file and its number, from 1."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """Words of one voice within a cue."""

    #: "" if the cue does not say.
    name: str
    words: list[str]
    line: int


def read_webvtt(text: str, path: str) -> tuple[list[Speech], Header]:
    """Return the speeches and what the notes say of the debate."""
    blocks = list(_blocks(text))
    if not blocks or not re.match(r"WEBVTT(?:[ \t]|$)", blocks[0][0].text):
        raise TranscriptError(path, 1, 'a WebVTT file begins with "WEBVTT": add it, or name another format')
    fields: dict[str, str] = {}
    speeches: list[Speech] = []
    labels = LabelReader()
    for block in blocks:
        keyword = block[0].text.split(maxsplit=1)[0]
        if keyword == "NOTE":
            note = "\n".join(line.text for line in block)[len("NOTE") :]
            if field := _NOTE_FIELD.fullmatch(" ".join(note.split())):
                fields[field[1].lower()] = field[2]
        elif keyword not in {"STYLE", "REGION"}:
            speeches.extend(_speeches_of_block(block, path, labels, speeches[-1] if speeches else None))
    return speeches, Header(fields.get("title", ""), fields.get("motion", ""), fields.get("language", ""))


def read_srt(text: str, path: str) -> tuple[list[Speech], Header]:
    """Return the speeches of a SubRip file."""
    speeches: list[Speech] = []
    labels = LabelReader()
    for block in _blocks(text):
        speeches.extend(_speeches_of_block(block, path, labels, speeches[-1] if speeches else None))
    return speeches, Header()


def _blocks(text: str) -> Iterator[list[Line]]:
    """Yield the runs of lines between blank ones."""
    block: list[Line] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            block.append(Line(number, line))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _speeches_of_block(
    block: list[Line], path: str, labels: LabelReader, before: Speech | None
) -> Iterator[Speech]:
    """Yield the speeches of a cue; nothing for a block without a timing, such as a header."""
    timing = next((index for index, line in enumerate(block) if "-->" in line.text), None)
    if timing is None:
        return
    line = block[timing]
    match = _TIMING.fullmatch(line.text)
    if match is None:
        raise TranscriptError(path, line.number, 'a cue\'s times are written "00:00:01.000 --> 00:00:04.500"')
    start_s, end_s = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
    if end_s < start_s:
        raise TranscriptError(path, line.number, "the cue ends before it starts: swap its times")
    payload = block[timing + 1 :]
    if stray := next((each for each in payload if "-->" in each.text), None):
        raise TranscriptError(path, stray.number, "a cue begins inside another: put a blank line before it")
    parts = _spoken_parts(payload, labels)
    for index, part in enumerate(parts):
        if not part.name and before is None:
            raise TranscriptError(path, part.line, _NOBODY_NAMED)
        # Who of several spoke when within one cue is not known; only its two ends are.
        before = Speech(
            part.name or (before.name if before else ""),
            " ".join(part.words),
            part.line,
            start_s if index == 0 else None,
            end_s if index == len(parts) - 1 else None,
        )
        yield before


def _spoken_parts(lines: list[Line], labels: LabelReader) -> list[Part]:
    """Return what each voice in a cue's payload says; labels are looked for until a voice tag is seen."""
    parts: list[Part] = []
    tagged = False
    for line in lines:
        leading, *tags = _VOICE.split(line.text)
        for voice, piece in [(None, leading), *zip(tags[::2], tags[1::2], strict=True)]:
            spoken = _plain(piece)
            name = None if voice is None else _plain(voice)
            tagged = tagged or voice is not None
            if not tagged and (label := labels.read(spoken)):
                name, spoken = label.name, label.text
            if name is not None or (spoken and not parts):
                parts.append(Part(name or "", [], line.number))
            if spoken:
                parts[-1].words.append(spoken)
    return parts


def _plain(text: str) -> str:
    """Return the text without tags, with entities as characters and single spaces."""
    return " ".join(html.unescape(_TAG.sub("", text)).split())


def _seconds(groups: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = groups
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return whole + int((fraction or "0").ljust(3, "0")) / 1000
