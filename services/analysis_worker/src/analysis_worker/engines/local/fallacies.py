"""Suspects fallacies where the wording alone gives one away.

Few patterns, each narrow: automatic detection reaches an F1 of about 0.2 on political debate (MAFALDA 2024
and the MM-ArgFallacy task 2025 say how hard it is, for people too). So a pattern that would often be wrong
is not here, no rate is computed from these, and each suspicion shows its sentence and says why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from analysis_worker.domain.metric import rounded
from analysis_worker.domain.result import Fallacy
from analysis_worker.engines.local.document import Document


@dataclass(frozen=True, slots=True)
class _Pattern:
    kind: str
    wording: re.Pattern[str]
    why: str
    confidence: float


def _pattern(kind: str, confidence: float, why: str, *wordings: str) -> _Pattern:
    return _Pattern(kind, re.compile("|".join(wordings), re.IGNORECASE), why, confidence)


_INSULTS: Final = r"(?:liars?|idiots?|fools?|morons?|cowards?|hypocrites?|frauds?|clowns?|crooks?|disgrace)"

PATTERNS: Final = (
    _pattern(
        "ad_hominem",
        0.35,
        "It names a fault of the person instead of one of the argument.",
        rf"\b(?:you|they|my opponents?)(?:'re| are| were) (?:\w+ ){{0,2}}{_INSULTS}\b",
        rf"\b(?:he|she|my opponent)(?:'s| is| was) (?:\w+ ){{0,3}}{_INSULTS}\b",
        r"\bsomeone like you\b",
        r"\bpeople like you\b",
        r"\bof course you would say\b",
        r"\bcoming from you\b",
    ),
    _pattern(
        "slippery_slope",
        0.3,
        "It goes from a first step to a far end without saying why the steps between must follow.",
        r"\bslippery slope\b",
        r"\bbefore (?:you know it|long),? (?:we|they|you|everyone)\b",
        r"\bwhere (?:does|will|would) (?:it|this) (?:all )?end\b",
        r"\bif we (?:allow|accept|permit)\b[^.?!]{3,120}\b(?:soon|eventually|inevitably|sooner or later)\b",
        r"\b(?:first|today)\b[^.?!]{3,60}\b(?:next|tomorrow)\b[^.?!]{3,60}\b(?:then|the day after)\b",
    ),
    _pattern(
        "appeal_to_popularity",
        0.3,
        "It takes the number of people who think so for a reason to think so.",
        r"\b(?:everyone|everybody|the whole world) (?:knows|agrees|understands) (?:that|this|it)\b",
        r"\bwe all (?:know|agree|understand) (?:that|this|it)\b",
        r"\b(?:nobody|no one) (?:seriously|really|in their right mind) (?:believes|thinks|doubts|wants)\b",
        r"\b(?:millions|most) of (?:people|voters|citizens) (?:can't|cannot) (?:all )?be wrong\b",
    ),
    _pattern(
        "false_dilemma",
        0.3,
        "It leaves two choices where there may be more.",
        r"\bonly two (?:options|choices|ways|possibilities|alternatives)\b",
        r"\bthere is no (?:other|third) (?:way|option|choice|alternative)\b",
        r"\byou(?:'re| are) either (?:with|for) us or\b",
        r"\bit(?:'s| is) either\b[^.?!]{3,80}\bor\b",
    ),
    _pattern(
        "appeal_to_tradition",
        0.25,
        "It takes age for a reason.",
        r"\b(?:we|they)(?:'ve| have) always done (?:it|this|that)\b",
        r"\b(?:it|this) has always (?:been done|been|worked) (?:this way|that way|so|like this)\b",
        r"\bfor (?:centuries|generations)\b[^.?!]{0,60}\bso (?:why|it must|it should|we should)\b",
    ),
    _pattern(
        "hasty_generalization",
        0.25,
        "It goes from one case to all.",
        r"\b(?:one|single) (?:case|example|story|instance) (?:proves|shows) (?:that )?(?:all|every|no)\b",
        r"\bproves (?:that )?(?:all|every|they all)\b",
    ),
)
_ANY: Final = re.compile("|".join(pattern.wording.pattern for pattern in PATTERNS), re.IGNORECASE)


def suspected_fallacies(document: Document) -> tuple[Fallacy, ...]:
    """Return the debaters' suspected fallacies in order; none where the language is not English."""
    if not document.english:
        return ()
    found: list[Fallacy] = []
    for turn in document.debater_turns():
        if turn.other_language is not None:
            continue
        for sentence in turn.sentences:
            text = document.text_of(sentence)
            if sentence.to_the_grader or not _ANY.search(text):
                continue
            found.extend(
                Fallacy(
                    pattern.kind,
                    turn.speaker,
                    document.evidence_of(sentence),
                    pattern.why,
                    rounded(pattern.confidence),
                )
                for pattern in PATTERNS
                if pattern.wording.search(text)
            )
    return tuple(found)
