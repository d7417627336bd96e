"""Tells whether a joining particle in small letters is somebody's name: "al said so", and not "de facto".

Asked only where a participant is called so. What speaks for a name is how people are addressed and quoted, in
English; without any of it the word is left alone, as it is a word of one language or another.
"""

from __future__ import annotations

import re
from typing import Final

from analysis_worker.privacy.names import is_word

#: A name goes on behind it, or a compound.
_GOES_ON: Final = re.compile(r"[ ]+[^\W\d_a-z]|[-’'](?!s\b)\w")
_POSSESSIVE: Final = re.compile(r"['’`´]s\b")
_SPEAKS: Final = re.compile(
    r"[ ]+(?:(?:just|also|never|already|really|still|now|then)[ ]+)?(?:said|says|saying|asked|asks|told|tells"
    r"|thinks|thought|argued|argues|claimed|claims|mentioned|mentions|suggested|suggests|wants|wanted|agreed"
    r"|agrees|disagreed|disagrees|replied|replies|answered|answers|explained|explains|believes|believed|admitted"
    r"|admits|insists|insisted|pointed|points|brought|brings|raised|raises|knows|knew|means|meant)\b",
    re.IGNORECASE,
)
_ADDRESSED: Final = re.compile(
    r"\b(?:hi|hello|hey|dear|thanks|thank you|sorry|excuse me|welcome|yes|no|well|okay|ok|right|please|look"
    r"|listen|come on|mr|mrs|ms|dr|you and|me and|agree with|disagree with|talk to|talked to|spoke to|ask"
    r"|asked|told|tell|quote|quoting|according to|as)[.,]?[ ]+$",
    re.IGNORECASE,
)
_ENDS: Final = re.compile(r"[ ]*(?:[.!?,;:]|$|\n)")
_BEGINS: Final = re.compile(r"(?:^|[.!?:,;\n])[ ]*$")
_DETERMINED: Final = re.compile(
    r"\b(?:the|a|an|this|that|these|those|my|your|his|her|its|our|their|no|any|every|each|some|old|new|big|white|by|in"
    r"|de|del|della|der|die|das|le|la|el|il|un|una|une)[ ]+$",
    re.IGNORECASE,
)
#: What is looked at before it (code points).
_BEFORE: Final = 24


def is_called(text: str, start: int, end: int) -> bool:
    """Say whether the particle at a place is said as a name."""
    before = text[max(0, start - _BEFORE) : start]
    if _GOES_ON.match(text, end) or _DETERMINED.search(before):
        return False
    if _SPEAKS.match(text, end):
        return True
    addressed = _ADDRESSED.search(before) is not None
    if is_word(text[start:end]):
        # "Cars, vans and a van." is no address.
        return addressed and _ENDS.match(text, end) is not None
    if _POSSESSIVE.match(text, end):
        return True
    ends = _ENDS.match(text, end) is not None
    return ends and (addressed or _BEGINS.search(before) is not None)
