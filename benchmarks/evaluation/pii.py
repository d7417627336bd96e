"""Personal data in sentences with labelled spans: what is found whole, and whether it is any.

A span is found if 90 % of its characters are covered, by whatever kind; a found span is right if it meets
any labelled one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from analysis_worker.privacy.detector import Detector
from analysis_worker.privacy.names import NameMode
from evaluation import gold
from evaluation.draw import bars
from evaluation.row import Part, Plot, Row, interval

STRUCTURED: Final = frozenset(
    {
        *("CREDIT_CARD", "PHONE_NUMBER", "EMAIL_ADDRESS", "IBAN_CODE", "US_SSN", "IP_ADDRESS", "DOMAIN_NAME"),
        *("URL", "US_DRIVER_LICENSE", "ZIP_CODE"),
    }
)
#: Of these, not one may be missed.
EXACT: Final = ("EMAIL_ADDRESS", "CREDIT_CARD", "US_SSN", "IP_ADDRESS")
_COVERED: Final = 0.9


@dataclass(frozen=True, slots=True)
class Sentence:
    """What was found in one sentence."""

    wanted: Counter[str]
    found: Counter[str]
    spans: int
    right: int


def part(data: Path) -> Part:
    """Return the figures on personal data."""
    lines = gold.lines(data, "pii")
    strict = [_look(line, Detector(mode=NameMode.STRICT)) for line in lines]
    balanced = [_look(line, Detector(mode=NameMode.BALANCED)) for line in lines]
    rows = [
        _recall(
            "numbers and addresses, recall",
            strict,
            STRUCTURED,
            floor=0.90,
            reference="0.73 to 0.79 (Presidio)",
        ),
        *(_recall(f"  {kind}, recall", strict, {kind}, floor=1.0) for kind in EXACT),
        _recall("  PHONE_NUMBER, recall", strict, {"PHONE_NUMBER"}, reference="0.55 to 0.58 (Presidio)"),
        _recall(
            "names, strict mode, recall",
            strict,
            {"PERSON"},
            floor=0.82,
            reference="0 (Presidio without a model)",
        ),
        _recall("names, balanced mode, recall", balanced, {"PERSON"}),
        _precision("precision, strict mode", strict, floor=0.96),
        _precision("precision, balanced mode", balanced),
        _recall(
            "street addresses, recall", strict, {"STREET_ADDRESS"}, note="not promised: many countries' forms"
        ),
    ]
    kinds = sorted({kind for one in strict for kind in one.wanted})
    recalls = [(kind, _share(strict, {kind})) for kind in kinds]
    return Part("Personal data", tuple(rows), (Plot("Recall by kind, strict mode", bars(recalls, most=1.0)),))


def _look(line: Any, detector: Detector) -> Sentence:
    spans = detector.find(line["text"])
    wanted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for one in line["spans"]:
        wanted[one["type"]] += 1
        covered = sum(max(0, min(one["end"], span.end) - max(one["start"], span.start)) for span in spans)
        found[one["type"]] += covered >= _COVERED * (one["end"] - one["start"])
    right = sum(
        any(min(one["end"], span.end) > max(one["start"], span.start) for one in line["spans"])
        for span in spans
    )
    return Sentence(wanted, found, len(spans), right)


def _share(some: Sequence[Sentence], kinds: Any) -> float:
    wanted = sum(one.wanted[kind] for one in some for kind in kinds)
    return sum(one.found[kind] for one in some for kind in kinds) / wanted if wanted else 1.0


def _recall(name: str, some: Sequence[Sentence], kinds: Any, **about: Any) -> Row:
    concerned = [one for one in some if any(one.wanted[kind] for kind in kinds)]
    return _row(name, concerned, lambda drawn: _share(drawn, kinds), **about)


def _precision(name: str, some: Sequence[Sentence], **about: Any) -> Row:
    def statistic(drawn: Sequence[Sentence]) -> float:
        spans = sum(one.spans for one in drawn)
        return sum(one.right for one in drawn) / spans if spans else 1.0

    return _row(name, some, statistic, **about)


def _row(
    name: str, some: Sequence[Sentence], statistic: Callable[[Sequence[Sentence]], float], **about: Any
) -> Row:
    if not some:
        return Row(name, None, note="not measured: the set has none")
    low, high = interval(some, statistic)
    return Row(name, statistic(some), n=len(some), low=low, high=high, **about)
