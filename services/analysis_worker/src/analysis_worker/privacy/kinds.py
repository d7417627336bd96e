"""Kinds of personal data, and a place where one was found."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

#: Letters without width, soft hyphens, marks of direction, selectors of variants.
INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
#: What no span begins or ends with.
_BETWEEN: Final = " \t\r\n,;"
#: What stands between the parts of a name.
_IN_NAMES: Final = ".-–—'’`´"


class Kind(StrEnum):
    """What a span of text is. The value stands in placeholders and counts."""

    PERSON = "PERSON"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    CARD = "CARD"
    IBAN = "IBAN"
    #: Of other money than banks keep.
    ACCOUNT = "ACCOUNT"
    NATIONAL_ID = "NATIONAL_ID"
    LICENCE = "LICENCE"
    BIRTHDATE = "BIRTHDATE"
    IP = "IP"
    MAC = "MAC"
    URL = "URL"
    HANDLE = "HANDLE"
    ADDRESS = "ADDRESS"
    POSTCODE = "POSTCODE"
    #: What opens something: a password, a key, a token.
    SECRET = "SECRET"  # noqa: S105 - a kind, and none itself


@dataclass(frozen=True, slots=True)
class Span:
    """Where something was found: code points into the text that was looked at.

    `participant_id` says whom of the roster a name means; "" for anybody else.
    """

    start: int
    end: int
    kind: Kind
    participant_id: str = field(default="", repr=False)


def apart(text: str, spans: Iterable[Span], taken: Iterable[tuple[int, int]] = ()) -> list[Span]:
    """Return spans in order and without overlap; of two that meet, the one that comes first stays whole.

    What sticks out of a span that gives way is kept, so that nothing that was found is left uncovered. Names
    of strangers that meet are one name.

    Args:
        taken: Places that are not to be had, in order and without overlap.
    """
    given = list(taken)
    starts, ends = [start for start, _ in given], [end for _, end in given]
    made: list[Span | None] = [None] * len(given)
    for span in spans:
        start, end = span.start, span.end
        first, last = bisect_right(ends, start), bisect_left(starts, end)
        if last - first == 1 and starts[first] <= start and end <= ends[first]:
            continue
        if _is_stranger(span):
            for at in reversed(range(first, last)):
                if _is_stranger(made[at]):
                    start, end = min(start, starts[at]), max(end, ends[at])
                    del starts[at], ends[at], made[at]
            first, last = bisect_right(ends, start), bisect_left(starts, end)
        pieces = _between(start, end, starts[first:last], ends[first:last])
        for piece in reversed([*pieces]):
            trimmed = _trimmed(text, piece, span, cut=piece != (start, end))
            if trimmed is not None:
                at = bisect_left(starts, trimmed[0])
                starts.insert(at, trimmed[0])
                ends.insert(at, trimmed[1])
                made.insert(at, Span(*trimmed, span.kind, span.participant_id))
    return [span for span in made if span is not None]


def _is_stranger(span: Span | None) -> bool:
    return span is not None and span.kind is Kind.PERSON and not span.participant_id


def _between(start: int, end: int, starts: Sequence[int], ends: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield what of a place lies outside of others, which are in order."""
    for other_start, other_end in zip(starts, ends, strict=True):
        if start < other_start:
            yield start, other_start
        start = max(start, other_end)
    if start < end:
        yield start, end


def _trimmed(text: str, piece: tuple[int, int], span: Span, *, cut: bool) -> tuple[int, int] | None:
    """Return a piece without what no span begins or ends with; None if nothing is left to be covered."""
    between = _BETWEEN + _IN_NAMES if cut and span.kind is Kind.PERSON else _BETWEEN
    rest = text[slice(*piece)]
    start = piece[0] + len(rest) - len(rest.lstrip(between))
    end = piece[1] - len(rest) + len(rest.rstrip(between))
    # The rest of a name that begins small is a word that stood beside it.
    if start >= end or (cut and span.kind is Kind.PERSON and text[start].islower()):
        return None
    return start, end
