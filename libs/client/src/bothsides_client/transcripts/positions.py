"""Where the items of a list stand in a JSON document, which the standard library does not tell.

Walks only the top object and the one list, value by value with the standard decoder, and counts lines.
Meant for documents that `json.loads` has read already.
"""

from __future__ import annotations

import json
import re
from typing import Final

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_DECODER: Final = json.JSONDecoder()


def line_of_item(text: str, key: str) -> list[int]:
    """Return the line (from 1) on which each item of the top object's list `key` begins.

    Of a key that is there twice the last one counts, as it does for the decoder.
    """
    lines: list[int] = []
    at = _after(text, _after(text, 0) + 1)  # behind "{"
    while at < len(text) and text[at] == '"':
        name, at = _DECODER.raw_decode(text, at)
        at = _after(text, _after(text, at) + 1)  # behind ":"
        if name == key and text[at] == "[":
            lines, at = _lines_of_list(text, at)
        else:
            _, at = _DECODER.raw_decode(text, at)
        at = _after(text, at)
        if text[at] == ",":
            at = _after(text, at + 1)
    return lines


def _lines_of_list(text: str, at: int) -> tuple[list[int], int]:
    """Return the lines of the items of the list that begins at `at`, and where it ends."""
    lines: list[int] = []
    line, counted = 1, 0
    at = _after(text, at + 1)
    while text[at] != "]":
        line, counted = line + text.count("\n", counted, at), at
        lines.append(line)
        _, at = _DECODER.raw_decode(text, at)
        at = _after(text, at)
        if text[at] == ",":
            at = _after(text, at + 1)
    return lines, at + 1


def _after(text: str, at: int) -> int:
    """Return the first position from `at` on that is no white space."""
    match = _SPACE.match(text, at)
    return match.end() if match else at
