"""Refuses conversations with hostile content, where the operator wants that. Names places, no words.

The lists are English: a conversation in another declared language is taken as it is. So is one that
only the provider's moderation would flag, since the scheduler asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from common.content.lists import content_flags
from common.errors import ConversationRefused

#: Places that are named; more of the same kind help no one.
MAX_PLACES: Final = 20


def check(language: str, texts: Iterable[tuple[str, str]]) -> None:
    """Look for hostile content in texts, each under the name of its field.

    Args:
        language: A BCP 47 tag as declared; "" is taken for English.

    Raises:
        ConversationRefused: There is some.
    """
    if language and language.lower().split("-")[0] != "en":
        return
    flagged = ((field, sorted({flag.kind.value for flag in content_flags(text)})) for field, text in texts)
    places = list(islice(((field, kinds) for field, kinds in flagged if kinds), MAX_PLACES))
    if places:
        raise ConversationRefused(places)
