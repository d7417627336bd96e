"""Tell a transcript's format from its file name and its beginning."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Final

#: Formats by the name that `--format` takes.
FORMATS: Final = ("json", "vtt", "srt", "text")

_BY_SUFFIX: Final = {".json": "json", ".vtt": "vtt", ".webvtt": "vtt", ".srt": "srt"}
_SRT_BEGINNING: Final = re.compile(
    r"\s{0,1000}(?:\d{1,9}[ \t]{0,20}\n)?[ \t]{0,20}\d{1,4}:\d\d:\d\d[.,]\d{1,3}[ \t]{0,20}-->"
)


def sniff(text: str, path: str) -> str:
    """Return one of `FORMATS`: what the suffix says, else what the text looks like, else "text"."""
    if known := _BY_SUFFIX.get(PurePath(path).suffix.lower()):
        return known
    if re.match(r"WEBVTT(?:\s|$)", text):
        return "vtt"
    if text.lstrip()[:1] == "{":
        return "json"
    if _SRT_BEGINNING.match(text):
        return "srt"
    return "text"
