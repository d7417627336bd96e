"""How numbers and quotes read. Text of the debate is made safe to print: no control characters."""

from __future__ import annotations

import unicodedata
from typing import Final

from bothsides.jobs import v1 as pb
from bothsides_client.report.model import Cell

#: Below it a number carries the mark; the caveats say so.
LOW_CONFIDENCE: Final = 0.4
DOUBT_MARK: Final = "~"
MISSING: Final = "–"
#: Longest quote that is shown, in characters.
QUOTE_LENGTH: Final = 180


class Footnotes:
    """Collects the reasons of missing values; the same reason has one number."""

    def __init__(self) -> None:
        self._reasons: list[str] = []
        #: Whether any number was marked as doubtful.
        self.doubted = False

    def number(self, reason: str) -> int:
        """Return the footnote's number, from 1."""
        reason = printable(reason) or "not computable"
        if reason not in self._reasons:
            self._reasons.append(reason)
        return self._reasons.index(reason) + 1

    def reasons(self) -> tuple[str, ...]:
        return tuple(self._reasons)

    def missing(self, reason: str) -> Cell:
        return Cell(MISSING, self.number(reason))

    def cell(self, metric: pb.Metric | None, pattern: str, scale: float = 1.0) -> Cell:
        """Return the metric's value in the format `pattern`, such as "{:.2f}", or the mark of its absence."""
        if metric is None:
            return self.missing("was not part of this analysis")
        if not metric.HasField("value"):
            return self.missing(metric.note)
        text = pattern.format(metric.value * scale)
        if metric.confidence < LOW_CONFIDENCE:
            self.doubted = True
            text += DOUBT_MARK
        return Cell(text)


def printable(text: str) -> str:
    """Return the text on one line, without characters that could steer a terminal or turn its direction."""
    kept = (" " if _is_control(letter) else letter for letter in text)
    return " ".join("".join(kept).split())


def quoted(text: str) -> str:
    """Return the quote, cut at a word if it is long."""
    text = printable(text)
    if len(text) <= QUOTE_LENGTH:
        return text
    return text[:QUOTE_LENGTH].rsplit(" ", 1)[0].rstrip(",;:. ") + " …"


def duration(seconds: float) -> str:
    """Return "1 h 02 min", "12 min 05 s" or "40 s"."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {left:02} s" if minutes else f"{left} s"


def count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def name_of_constant(constant: str) -> str:
    """Return "ad_hominem" or "AD_HOMINEM" as "ad hominem"."""
    return printable(constant).replace("_", " ").lower()


def _is_control(letter: str) -> bool:
    """Whether it is a control (Cc), a format mark such as a bidi override (Cf), or a line separator."""
    return unicodedata.category(letter) in {"Cc", "Cf", "Zl", "Zp", "Cs"}
