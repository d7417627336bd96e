"""What a sentence about figures claims, held against them: its numbers, and which way it says that things go.

English only, as the prompt asks for. What a rule does not know it lets pass, a number never.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from analysis_worker.domain.insights import Verdict
from analysis_worker.engines.openai.insights.facts import Fact

_NUMBER: Final = re.compile(r"(?<![\w.,])[-+\u2212]?(\d+(?:[.,]\d+)*)(\s?%|\s?percent\b)?", re.IGNORECASE)
_ANY_DIGIT: Final = re.compile(r"\d")
_IN_WORDS: Final = re.compile(
    r"\b(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|twenty|thirty|forty|fifty|sixty|"
    r"seventy|eighty|ninety|hundreds?|thousands?|half|halv\w+|doubl\w+|twice|thrice|tripl\w+|thirds?|quarters?|"
    r"fold|majority|minority|most of|all of|none of)\b",
    re.IGNORECASE,
)
_UP: Final = re.compile(
    r"\b(rose|ris(?:e|es|en|ing)|increas\w+|gr(?:ew|own|ows|owing)|climb\w*)\b", re.IGNORECASE
)
_DOWN: Final = re.compile(
    r"\b(fell|fall(?:s|en|ing)|drop\w*|decreas\w+|declin\w+|shr[aiu]nk\w*|s[au]nk|slip\w*)\b", re.IGNORECASE
)
_BETTER: Final = re.compile(r"\b(improv\w+|better|progress\w*|stronger)\b", re.IGNORECASE)
_WORSE: Final = re.compile(r"\b(wors[et]\w*|deteriorat\w+|weaker|weakened)\b", re.IGNORECASE)
_TREND: Final = re.compile(
    r"\b(trend\w*|steadily|significant\w*|from debate to debate|over time)\b", re.IGNORECASE
)
_NEGATED: Final = re.compile(r"\b(no|not|never|neither|nor|without|hardly)\b|n't\b", re.IGNORECASE)
#: Words before a value, not before a change.
_LEVEL: Final = frozenset({"to", "from", "at", "was", "is"})
#: The ends of a scale, and what is counted by.
_SCALES: Final = {"0..1": (0, 1), "-1..1": (1,), "1..5": (1, 5), "per 100 words": (100,)}
#: So many words before it a negation still counts.
_REACH: Final = 4
_MOVING: Final = frozenset({Verdict.IMPROVING, Verdict.DECLINING, Verdict.CHANGING})


def wrong_number(text: str, facts: Sequence[Fact], counts: Sequence[int], *, in_words: bool) -> str:
    """Say which kind of number does not stand in the facts, or "".

    Args:
        counts: Numbers that may be told besides.
        in_words: Numbers in words are told too, and cannot be checked.
    """
    rest = text
    for match in reversed(list(_NUMBER.finditer(text))):
        if not any(_is(match, value) for value in _tellable(facts, counts, text, match)):
            return "tells a number that is none of its facts'"
        rest = rest[: match.start()] + rest[match.end() :]
    if _ANY_DIGIT.search(rest):
        return "has digits that are no plain number"
    if in_words and _IN_WORDS.search(text):
        return "tells a number in words: use the facts' own, in digits"
    return ""


def _tellable(
    facts: Sequence[Fact], counts: Sequence[int], text: str, match: re.Match[str]
) -> Iterator[float]:
    """Yield what a number may be: after "by" a change alone, after "to" and the like a level."""
    before = text[: match.start()].split()[-1:]
    change, level = before == ["by"], bool(_LEVEL.intersection(before))
    percent = match.group(2) is not None
    if not percent:
        yield from counts
    for fact in facts:
        unit = fact.measure.unit
        values = [*(() if change else fact.levels), *(() if level else fact.changes)]
        if unit == "0..1" and percent:
            yield from (abs(value) * 100 for value in values)
        elif not percent:
            yield from map(abs, values)
            yield fact.trend.change.sample_size
            yield from _SCALES.get(unit, ())
        if fact.percentile is not None:
            yield from (fact.percentile, 100)


def _is(match: re.Match[str], value: float) -> bool:
    """Say whether a number that is told is a value, as far as its digits go."""
    whole, _, decimals = match.group(1).replace(",", ".").rpartition(".")
    if not whole:
        whole, decimals = decimals, ""
    if "." in whole:
        return False
    told = float(f"{whole}.{decimals or 0}")
    off: float = 0.5 * 10.0 ** -len(decimals)
    return abs(told - value) <= off + 1e-9


def wrong_direction(text: str, facts: Sequence[Fact]) -> str:
    """Say which claim of a direction the facts do not bear, or ""."""
    ups, downs = zip(*(fact.moves for fact in facts), strict=True)
    rules = (
        (_UP, any(ups), "says that something rises, which none of its facts shows"),
        (_DOWN, any(downs), "says that something falls, which none of its facts shows"),
        (_BETTER, any(fact.good for fact in facts), "says better, which none of its facts shows"),
        (_WORSE, any(fact.to_gain for fact in facts), "says worse, which none of its facts shows"),
        (
            _TREND,
            any(fact.trend.verdict in _MOVING for fact in facts),
            "speaks of a trend, where the verdict of none is one",
        ),
    )
    for pattern, shown, problem in rules:
        for match in pattern.finditer(text):
            before = " ".join(text[: match.start()].split()[-_REACH:])
            if not shown and not _NEGATED.search(before):
                return problem
    return ""
