"""A queue's statistics, as the scripts keep them: constant time in the number of jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from common.store.keys import QueueKeys
from common.store.operation import Argument, Operation
from common.store.record import text_map
from common.store.scripts import script

K = TypeVar("K")
#: Counters that go up and down, or are no counts.
_GAUGES: Final = frozenset({"ready", "vtime", "kept_bytes"})


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened in a period; names as the scripts count them."""

    #: submitted, started, succeeded, failed, retried, cancelled, expired, lost, resubmitted.
    totals: Mapping[str, int] = field(default_factory=dict)
    #: Jobs by bucket of waiting and of running time, see histogram.py.
    waits: Mapping[int, int] = field(default_factory=dict)
    runs: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueueStatistics:
    """A queue at one moment."""

    queue: str
    now_ms: int
    #: PENDING jobs that may start now.
    ready: int
    #: SCHEDULED and snoozed jobs.
    scheduled: int
    retrying: int
    #: RUNNING and CANCELLING jobs.
    leased: int
    #: Since when the longest-waiting of the jobs next in line has been ready; None: none waits.
    oldest_ready_ms: int | None
    paused: bool
    #: Ends of jobs whose follow-ups have not been submitted yet.
    outbox: int
    #: What final jobs take, as far as they were measured, which they are where the queue has a budget for it.
    kept_bytes: int
    #: Since the queue began; empty unless asked for.
    total: Counts
    #: By minute since 1970, as asked for.
    minutes: Mapping[int, Counts]


def read_stats(
    keys: QueueKeys, *, minutes: Sequence[int] = (), totals: bool = True, now_ms: int | None = None
) -> Operation[QueueStatistics]:
    """Read gauges, totals and the counts of `minutes` (since 1970; kept for 130 minutes)."""

    def read(reply: list[Any]) -> QueueStatistics:
        now, ready, scheduled, retrying, leased, oldest, paused, outbox, kept, total, *counted = reply
        return QueueStatistics(
            keys.queue,
            int(now),
            int(ready),
            int(scheduled),
            int(retrying),
            int(leased),
            int(oldest) or None,
            paused == 1,
            int(outbox),
            int(kept),
            counts_of(total),
            {minute: counts_of(flat) for minute, flat in zip(minutes, counted, strict=True)},
        )

    arguments: list[Argument] = ["" if now_ms is None else now_ms, "1" if totals else "", *minutes]
    return Operation(script("stats"), keys.all(), arguments, read)


def counts_of(flat: Sequence[bytes]) -> Counts:
    totals: dict[str, int] = {}
    waits: dict[int, int] = {}
    runs: dict[int, int] = {}
    for name, value in text_map(flat).items():
        if not name[-1].isdigit():
            if name not in _GAUGES:
                totals[name] = int(value)
        elif name[0] == "w":
            waits[int(name[1:])] = int(value)
        else:
            runs[int(name[1:])] = int(value)
    return Counts(totals, waits, runs)


def merged(parts: Sequence[Counts]) -> Counts:
    """Add up the counts of several periods."""
    total: dict[str, int] = {}
    waits: dict[int, int] = {}
    runs: dict[int, int] = {}
    for part in parts:
        _add(total, part.totals)
        _add(waits, part.waits)
        _add(runs, part.runs)
    return Counts(total, waits, runs)


def _add(into: dict[K, int], more: Mapping[K, int]) -> None:
    for key, value in more.items():
        into[key] = into.get(key, 0) + value
