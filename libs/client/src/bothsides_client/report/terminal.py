"""Lay a report out for a terminal. Everything is printed as text, never as markup, and fits 80 columns."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from bothsides_client.report.model import Cell, QuoteList, RatingView, Report, Table

_RAISED: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def render_report(report: Report, console: Console) -> None:
    """Print the report."""
    console.print()
    console.print(Text(report.title, style="bold"))
    if report.motion:
        console.print(Text(f"Motion: {report.motion}", style="italic"))
    console.print()
    console.print(_facts(report))
    if report.quality is not None:
        _print_quality(report.quality, report.quality_parts, console)
    first, *later = report.quotes or (None,)
    if first is not None:
        _print_quotes(first, console)
    comparison, *others = report.tables or (None,)
    if comparison is not None:
        _print_table(comparison, console)
    for table in others:
        if table is not None:
            _print_table(table, console)
    for quotes in later:
        if quotes is not None:
            _print_quotes(quotes, console)
    _print_fine_print(report, console)


def _facts(report: Report) -> Grid:
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for fact in report.facts:
        grid.add_row(fact.label, _text(fact.cell))
    return grid


def _print_quality(overall: RatingView, parts: tuple[RatingView, ...], console: Console) -> None:
    _print_heading("Quality of the argumentation", console)
    console.print(Text(f"{overall.cell.text}", style="bold"))
    if overall.why:
        console.print(Text(overall.why))
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(style="dim")
    for part in parts:
        grid.add_row(Text(part.name), _text(part.cell), Text("" if part.cell.note else part.why))
    if parts:
        console.print(Padding(grid, (0, 0, 0, 2), expand=False))


def _print_table(table: Table, console: Console) -> None:
    _print_heading(table.title, console)
    grid = Grid(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
    for index, column in enumerate(table.columns):
        if index == 0:
            grid.add_column(Text(column), ratio=1, overflow="fold")
        else:
            grid.add_column(Text(column), justify="right", no_wrap=True)
    for row in table.rows:
        grid.add_row(*(_text(cell) for cell in row))
    console.print(grid)
    if table.caption:
        console.print(Text(table.caption, style="dim"))


def _print_quotes(quotes: QuoteList, console: Console) -> None:
    _print_heading(quotes.title, console)
    if quotes.caution:
        console.print(Text(quotes.caution, style="dim"))
    for quote in quotes.quotes:
        head = Text.assemble((quote.speaker, "bold"), (f", {quote.turn_id}: {quote.kind}", "dim"))
        console.print(head)
        console.print(Padding(Text(f"“{quote.text}”"), (0, 0, 0, 2), expand=False))
        if quote.remark:
            console.print(Padding(Text(quote.remark, style="dim"), (0, 0, 0, 2), expand=False))
    if quotes.left_out:
        console.print(Text(f"… and {quotes.left_out} more (--detailed --json lists them)", style="dim"))


def _print_fine_print(report: Report, console: Console) -> None:
    if report.caveats:
        _print_heading("Keep in mind", console)
        for caveat in report.caveats:
            console.print(Text(f"• {caveat}"))
    if report.footnotes:
        console.print()
        for number, reason in enumerate(report.footnotes, 1):
            console.print(Text(f"{str(number).translate(_RAISED)} {reason}", style="dim"))


def _print_heading(title: str, console: Console) -> None:
    console.print()
    console.print(Text(title, style="bold cyan"))


def _text(cell: Cell) -> Text:
    return Text(cell.text + (str(cell.note).translate(_RAISED) if cell.note else ""))
