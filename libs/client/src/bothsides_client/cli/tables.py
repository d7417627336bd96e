"""The parts that everything for people is made of: tables, pairs, moments and spans of time."""

from __future__ import annotations

from datetime import UTC
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bothsides.jobs import v1 as pb
from bothsides_client.report.wording import printable

#: Columns of a table that is not printed to a terminal.
PIPE_WIDTH: Final = 200
_STYLES: Final = {
    "SUCCEEDED": "green",
    "HEALTHY": "green",
    "RUNNING": "cyan",
    "DEGRADED": "yellow",
    "RETRYING": "yellow",
    "ACTIVE": "green",
    "PAUSED": "yellow",
    "DRAINING": "yellow",
    "DRAINED": "yellow",
    "UNKNOWN": "yellow",
    "FAILED": "red",
    "UNHEALTHY": "red",
    "EXPIRED": "red",
}


def moment(timestamp: Timestamp) -> str:
    """Return the moment in local time, to the second."""
    return f"{timestamp.ToDatetime().replace(tzinfo=UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def styled(constant: str) -> Text:
    """Return a state or status in its colour."""
    return Text(constant, style=_STYLES.get(constant, ""))


def when(timestamp: Timestamp) -> str:
    """Return the moment in local time, without the year, for tables."""
    return moment(timestamp)[5:]


def span(length: Duration) -> str:
    """Return a time in one unit, so that it fits a column: "7 ms", "75 s", "90 min", "30 h"."""
    return span_s(length.ToMilliseconds() / 1000)


def span_s(seconds: float) -> str:
    """Return seconds in one unit, as `span` does."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def usage(used: pb.Usage) -> str:
    """Return such as "1.2 s of processor, 210 MiB"."""
    memory = f", {used.peak_memory_bytes / 2**20:,.0f} MiB" if used.peak_memory_bytes else ""
    return f"{span(used.cpu_time)} of processor{memory}"


def usd(micro: int) -> str:
    """Return an amount in dollars, to the cent or as finely as it takes."""
    text = f"{micro / 1_000_000:,.6f}".rstrip("0")
    whole, _, part = text.partition(".")
    return f"${whole}.{part.ljust(2, '0')}"


def paid(used: pb.PaidUsage) -> str:
    """Return such as "$0.01 for 7 calls, $0.02 wasted, $0.03 saved by 2 answers that were there"."""
    wasted = f", {usd(used.wasted_micro_usd)} wasted" if used.wasted_micro_usd else ""
    reused = used.reused_call_count
    saved = f", {usd(used.saved_micro_usd)} saved by {reused:,} answers that were there" if reused else ""
    doubtful = f", {used.doubtful_call_count} perhaps paid for twice" if used.doubtful_call_count else ""
    return f"{usd(used.cost_micro_usd)} for {used.call_count:,} calls{doubtful}{wasted}{saved}"


def new_table(*columns: str) -> Table:
    """Return an empty table; the first column, by which things are named, is never broken."""
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, no_wrap=index == 0, overflow="fold")
    return table


def print_table(table: Table, nothing: str, console: Console) -> None:
    if not table.row_count:
        console.print(Text(nothing, style="dim"))
    elif console.is_terminal:
        console.print(table)
    else:  # what reads a pipe or a file has no width
        console.print(table, width=PIPE_WIDTH, crop=False)


def print_pairs(rows: list[tuple[str, str]], console: Console) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in rows:
        grid.add_row(label, styled(text) if label == "State" else Text(printable(text)))
    console.print(grid)
