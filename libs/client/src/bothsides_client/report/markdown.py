"""Lay a report out as Markdown (GitHub's flavour). Words of the debate are escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from bothsides_client.report.model import Cell, QuoteList, Report, Table

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~!])")


def report_markdown(report: Report) -> str:
    """Return the report as one Markdown document that ends in a line end."""
    return "\n".join(_lines(report)).rstrip("\n") + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"# {_escaped(report.title)}"
    yield ""
    if report.motion:
        yield f"*Motion: {_escaped(report.motion)}*"
        yield ""
    for fact in report.facts:
        yield f"- **{_escaped(fact.label)}:** {_cell(fact.cell)}"
    yield ""
    if report.quality is not None:
        yield f"## Quality of the argumentation: {_cell(report.quality.cell)}"
        yield ""
        if report.quality.why:
            yield _escaped(report.quality.why)
            yield ""
        for part in report.quality_parts:
            why = f": {_escaped(part.why)}" if part.why and not part.cell.note else ""
            yield f"- {_escaped(part.name)} {_cell(part.cell)}{why}"
        yield ""
    for quotes in report.quotes[:1]:
        yield from _quotes(quotes)
    for table in report.tables:
        yield from _table(table)
    for quotes in report.quotes[1:]:
        yield from _quotes(quotes)
    if report.caveats:
        yield "## Keep in mind"
        yield ""
        yield from (f"- {_escaped(caveat)}" for caveat in report.caveats)
        yield ""
    for number, reason in enumerate(report.footnotes, 1):
        yield f"[^{number}]: {_escaped(reason)}"


def _table(table: Table) -> Iterator[str]:
    yield f"## {_escaped(table.title)}"
    yield ""
    yield f"| {' | '.join(_escaped(column) for column in table.columns)} |"
    yield f"| --- |{' ---: |' * (len(table.columns) - 1)}"
    for row in table.rows:
        yield f"| {' | '.join(_cell(cell) for cell in row)} |"
    yield ""
    if table.caption:
        yield _escaped(table.caption)
        yield ""


def _quotes(quotes: QuoteList) -> Iterator[str]:
    yield f"## {_escaped(quotes.title)}"
    yield ""
    if quotes.caution:
        yield _escaped(quotes.caution)
        yield ""
    for quote in quotes.quotes:
        remark = f" ({_escaped(quote.remark)})" if quote.remark else ""
        yield f"- **{_escaped(quote.speaker)}**, {_escaped(quote.turn_id)}, {_escaped(quote.kind)}:"
        yield f"  “{_escaped(quote.text)}”{remark}"
    if quotes.left_out:
        yield f"- … and {quotes.left_out} more"
    yield ""


def _cell(cell: Cell) -> str:
    return _escaped(cell.text) + (f"[^{cell.note}]" if cell.note else "")


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
