"""Wordings that show reflection, after the indicators of Ullmann 2019. English; the project's own lists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


def _any_of(*wordings: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(wordings)})\b", re.IGNORECASE)


_FELT: Final = r"i (?:was|am|felt|feel|got|became|grew) (?:\w+ ){0,2}"

#: The signs, in the order in which they are reported.
SIGNS: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        "experience": _any_of(
            r"(?:when|while|after|before) (?:i|we|my|they|he|she)",
            r"(?:i|we) (?:said|argued|asked|answered|spoke|tried|used|gave|opened|closed|started|responded)",
            r"(?:i|we) (?:brought up|pointed out|ran out)",
        ),
        "feelings": _any_of(
            _FELT + r"(?:nervous|anxious|proud|happy|glad|sad|angry)",
            _FELT + r"(?:frustrated|confident|surprised|embarrassed)",
            _FELT + r"(?:relieved|afraid|calm|excited|disappointed)",
            _FELT + r"(?:upset|uncomfortable|lost|stuck|pleased|tense)",
            r"(?:it|this|that) (?:felt|made me)",
        ),
        "personal_belief": _any_of(
            r"i (?:still |really |now )?(?:think|believe|hold|am convinced|am sure)",
            r"in my (?:view|opinion)",
        ),
        "awareness_of_difficulties": _any_of(
            r"difficult|hard|struggled?|struggling|problem|challeng(?:e|ing)|weak(?:ness)?|mistake|failed",
            r"could not|couldn't|did not manage|missed|forgot|unprepared|not enough",
        ),
        "perspective": _any_of(
            r"my opponents?|the other side|point of view|perspective|on the other hand",
            r"from (?:his|her|their|another|the other)",
            r"(?:he|she|they) (?:had a point|was right|were right|meant|saw it)",
        ),
        "lessons_learned": _any_of(
            r"i (?:have |had )?(?:learn(?:ed|t)|reali[sz]ed?|discovered|noticed|came to see)",
            r"i've (?:learn(?:ed|t)|reali[sz]ed|noticed)",
            r"i (?:understand now|now (?:see|know|understand))",
            r"taught me|lesson|looking back|in hindsight|in retrospect",
        ),
        "future_intentions": _any_of(
            r"next time|in (?:the )?future|from now on",
            r"i (?:will|want to|plan to|intend to|am going to|would like to|hope to|should have)",
            r"i'll|i'm going to",
        ),
    }
)

#: A change of one's own view: the mark of the deepest level.
CHANGED_VIEW: Final = _any_of(
    r"changed my (?:mind|view|opinion|position|thinking)",
    r"i used to (?:think|believe)",
    r"i no longer (?:think|believe)",
    r"i had (?:always )?(?:assumed|thought|believed)",
    r"made me (?:question|rethink|reconsider)",
    r"i (?:now )?(?:question|doubt) (?:my|whether)",
    r"i was wrong",
)
