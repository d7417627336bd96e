"""The whole minutes of a queue's last hour, kept in memory so that each is read once.

A minute that has ended by the store's clock never changes again: the scripts count into the minute of a
clock that does not run backwards. So a look reads the present minute only, the first look of a minute also
the one before it, and the first look of all the whole hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.store.stats import Counts, QueueStatistics, merged

MINUTE_MS: Final = 60_000
#: Whole minutes in `last_hour`.
HOUR_MINUTES: Final = 60
#: Whole minutes, besides the present one, that the rules judge.
RECENT_MINUTES: Final = 10
#: Whole minutes, besides the present one, in which a queue that is alive has started something.
LATELY_MINUTES: Final = 2


@dataclass(frozen=True, slots=True)
class Periods:
    """A queue's counts over the periods that facts name; see `QueueFacts`."""

    last_minute: Counts
    last_hour: Counts
    recent: Counts
    latency: Counts
    started_lately: int


class MinuteWindow:
    """The minutes of one queue. Not for use by several tasks at once."""

    def __init__(self) -> None:
        self._whole: dict[int, Counts] = {}
        #: The minute that the sums below precede.
        self._summed_before: int | None = None
        self._hour = Counts()
        self._recent = Counts()

    def wanted(self, now_ms: int) -> list[int]:
        """Return the minutes (since 1970) to read at `now_ms`: the present one and what is not known yet."""
        present = now_ms // MINUTE_MS
        whole = range(present - HOUR_MINUTES, present)
        return [minute for minute in whole if minute not in self._whole] + [present]

    def take(self, statistics: QueueStatistics) -> Periods | None:
        """Keep what was read and return the periods that end at that moment.

        Returns None if a minute ended between asking and reading, so that some are missing: ask again.
        """
        present = statistics.now_ms // MINUTE_MS
        whole = range(present - HOUR_MINUTES, present)
        known = {**self._whole, **statistics.minutes}
        self._whole = {minute: known[minute] for minute in whole if minute in known}
        if present not in statistics.minutes or len(self._whole) < HOUR_MINUTES:
            return None
        if self._summed_before != present:
            self._hour = merged(list(self._whole.values()))
            self._recent = merged(self._last(RECENT_MINUTES, present))
            self._summed_before = present
        now = statistics.minutes[present]
        lately = merged([*self._last(LATELY_MINUTES, present), now])
        return Periods(
            last_minute=self._whole[present - 1],
            last_hour=self._hour,
            recent=merged([self._recent, now]),
            latency=merged([self._hour, now]),
            started_lately=lately.totals.get("started", 0),
        )

    def _last(self, count: int, present: int) -> list[Counts]:
        return [self._whole[minute] for minute in range(present - count, present)]
