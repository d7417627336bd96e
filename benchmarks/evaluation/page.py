"""The page of plots: one file, nothing fetched."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from evaluation.row import Part, Row

_STYLE = """
body { font: 15px/1.5 sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1a1a1a; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align:
top; } td.number { text-align: right; font-variant-numeric: tabular-nums; } tr.missed td { color: #b00020;
font-weight: 600; } figure { display: inline-block; margin: 1rem 1rem 0 0; } figcaption { font-size: 13px;
color: #444; }
"""


def page(parts: Sequence[Part]) -> str:
    """Return the page as HTML."""
    body = "".join(_part(part) for part in parts)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Evaluation of the analysis</title>'
        f"<style>{_STYLE}</style></head><body><h1>Evaluation of the analysis</h1>{body}</body></html>\n"
    )


def _part(part: Part) -> str:
    rows = "".join(_row(row) for row in part.rows)
    figures = "".join(
        f"<figure>{plot.svg}<figcaption>{escape(plot.title)}</figcaption></figure>" for plot in part.plots
    )
    head = "<tr><th>figure<th>value<th>95 % interval<th>floor<th>aim<th>n<th>published<th>note</tr>"
    return f"<h2>{escape(part.title)}</h2><table>{head}{rows}</table>{figures}"


def _row(row: Row) -> str:
    sign = "≤ " if row.at_most else "≥ "
    cells = [
        f"<td>{escape(row.name)}",
        f'<td class="number">{"–" if row.value is None else f"{row.value:.3f}"}',
        "<td>" + (f"{row.low:.3f} to {row.high:.3f}" if row.low is not None and row.high is not None else ""),
        "<td>" + ("" if row.floor is None else f"{sign}{row.floor:g}"),
        "<td>" + ("" if row.aim is None else f"{sign}{row.aim:g}"),
        f'<td class="number">{row.n or ""}',
        f"<td>{escape(row.reference)}",
        f"<td>{escape(row.note)}",
    ]
    return f"<tr{' class=missed' if row.missed else ''}>{''.join(cells)}</tr>"
