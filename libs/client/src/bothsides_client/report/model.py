"""A report as plain data: words that are ready to be laid out, in the order in which a coach reads them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a table, ready to print."""

    text: str
    #: Footnote that says why there is no value, from 1; 0 for none.
    note: int = 0


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the headline."""

    label: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class RatingView:
    """A score from 1 to 5, or why there is none."""

    name: str
    cell: Cell
    why: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a heading; the first column holds names."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    #: What the columns mean.
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of the debate, and what is said about them."""

    #: What it shows, such as "best supported claim".
    kind: str
    speaker: str
    turn_id: str
    text: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class QuoteList:
    """Quotes under a heading, of which some may have been left out."""

    title: str
    #: What to keep in mind when reading them.
    caution: str
    quotes: tuple[Quote, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is said about one debate."""

    title: str
    motion: str
    facts: tuple[Fact, ...]
    #: None if quality was not asked for.
    quality: RatingView | None
    quality_parts: tuple[RatingView, ...]
    tables: tuple[Table, ...]
    quotes: tuple[QuoteList, ...]
    caveats: tuple[str, ...]
    #: Reasons of missing values; the first has number 1.
    footnotes: tuple[str, ...]
