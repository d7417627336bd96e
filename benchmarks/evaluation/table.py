"""Figures as text, one part under the other."""

from __future__ import annotations

from evaluation.row import Part, Row


def table(part: Part) -> str:
    """Return the rows of a part in columns."""
    lines = [part.title]
    for row in part.rows:
        missed = "MISSED " if row.missed else ""
        lines.append(f"  {row.name:44} {_value(row)} {_bar(row):24} {missed}{_rest(row)}".rstrip())
    return "\n".join(lines) + "\n"


def _value(row: Row) -> str:
    if row.value is None:
        return f"{'-':>7} {'':17}"
    within = f"[{row.low:.3f}, {row.high:.3f}]" if row.low is not None and row.high is not None else ""
    return f"{row.value:7.3f} {within:17}"


def _bar(row: Row) -> str:
    sign = "<=" if row.at_most else ">="
    texts = [
        f"{name} {sign} {bar:.3g}"
        for name, bar in (("floor", row.floor), ("aim", row.aim))
        if bar is not None
    ]
    return ", ".join(texts)


def _rest(row: Row) -> str:
    texts = [f"n={row.n}" if row.n else "", row.reference and f"published: {row.reference}", row.note]
    return "; ".join(text for text in texts if text)
