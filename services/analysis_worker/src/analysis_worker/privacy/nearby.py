"""Where in a text it is worth looking: around what a form cannot be without."""

from __future__ import annotations

import re
from typing import Final

#: What may stand before a form's first anchor and after its last (code points); and on to the next space.
_REACH: Final = 160
_SPACE: Final = re.compile(r"\s")


def around(text: str, anchor: re.Pattern[str]) -> list[tuple[int, int]]:
    """Return the places around all anchors, in order, apart, and from white space to white space."""
    places: list[tuple[int, int]] = []
    begin, end = 0, -1
    for match in anchor.finditer(text):
        if match.end() + _REACH <= end:
            continue
        if match.start() - _REACH > end:
            if end >= 0:
                places.append((begin, end))
            begin = _space_before(text, match.start() - _REACH)
        end = _space_after(text, match.end() + _REACH)
    if end >= 0:
        places.append((begin, end))
    return places


def _space_before(text: str, at: int) -> int:
    while at > 0 and not text[at - 1].isspace():
        at -= 1
    return max(at, 0)


def _space_after(text: str, at: int) -> int:
    if at >= len(text):
        return len(text)
    found = _SPACE.search(text, at)
    return found.start() if found else len(text)
