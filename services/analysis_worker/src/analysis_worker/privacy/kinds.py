"""Kinds of personal data, and a place where one was found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: Letters without width, soft hyphens, marks of direction, selectors of variants.
INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
#: What no span begins or ends with.
_BETWEEN: Final = " \t\r\n,;"


class Kind(StrEnum):
    """What a span of text is. The value stands in placeholders and counts."""

    PERSON = "PERSON"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    CARD = "CARD"
    IBAN = "IBAN"
    NATIONAL_ID = "NATIONAL_ID"
    LICENCE = "LICENCE"
    IP = "IP"
    MAC = "MAC"
    URL = "URL"
    HANDLE = "HANDLE"
    ADDRESS = "ADDRESS"
    POSTCODE = "POSTCODE"


@dataclass(frozen=True, slots=True)
class Span:
    """Where something was found: code points into the text that was looked at.

    `participant_id` says whom of the roster a name means; "" for anybody else.
    """

    start: int
    end: int
    kind: Kind
    participant_id: str = ""


def apart(text: str, spans: Iterable[Span]) -> list[Span]:
    """Return spans in order and without overlap; of two that meet, the one that comes first stays whole.

    What sticks out of a span that gives way is kept, so that nothing that was found is left uncovered.
    """
    taken: list[Span] = []
    for span in spans:
        pieces = [(span.start, span.end)]
        for other in taken:
            pieces = [
                piece
                for start, end in pieces
                for piece in ((start, min(end, other.start)), (max(start, other.end), end))
                if piece[0] < piece[1]
            ]
        for piece in pieces:
            rest = text[slice(*piece)]
            start = piece[0] + len(rest) - len(rest.lstrip(_BETWEEN))
            end = piece[1] - len(rest) + len(rest.rstrip(_BETWEEN))
            cut = (start, end) != (span.start, span.end)
            # The rest of a name that begins small is a word that stood beside it.
            if start < end and not (cut and span.kind is Kind.PERSON and text[start].islower()):
                taken.append(Span(start, end, span.kind, span.participant_id))
    return sorted(taken, key=lambda span: span.start)
