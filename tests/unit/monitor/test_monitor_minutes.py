"""Each whole minute is read once, and the periods made of them are right whenever they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from common.store.stats import Counts, QueueStatistics
from monitor.minutes import HOUR_MINUTES, LATELY_MINUTES, MINUTE_MS, RECENT_MINUTES, MinuteWindow, Periods

#: Any minute since 1970.
START: int = 28_000_000


class MinuteStore:
    """What happened in each minute, and which minutes were asked for."""

    def __init__(self, submitted: Mapping[int, int]) -> None:
        self.submitted = dict(submitted)
        self.asked: list[int] = []

    def read(self, minutes: Sequence[int], now_ms: int) -> QueueStatistics:
        self.asked += minutes
        return QueueStatistics(
            queue="exports",
            now_ms=now_ms,
            ready=0,
            scheduled=0,
            retrying=0,
            leased=0,
            oldest_ready_ms=None,
            paused=False,
            outbox=0,
            kept_bytes=0,
            total=Counts(),
            minutes={minute: self._counts(minute) for minute in minutes},
        )

    def _counts(self, minute: int) -> Counts:
        count = self.submitted.get(minute, 0)
        return Counts({"submitted": count, "started": count}, {3: count}, {})

    def over(self, first: int, last: int) -> int:
        """Count from one minute to another, both included."""
        return sum(self.submitted.get(minute, 0) for minute in range(first, last + 1))


def look(window: MinuteWindow, store: MinuteStore, now_ms: int) -> Periods:
    periods = window.take(store.read(window.wanted(now_ms), now_ms))
    assert periods is not None
    return periods


def submitted(counts: Counts) -> int:
    return counts.totals.get("submitted", 0)


def test_the_first_look_reads_the_hour_and_the_next_only_the_present_minute() -> None:
    window, store = MinuteWindow(), MinuteStore({})
    now_ms = START * MINUTE_MS + 30_000
    # When it looks for the first time
    look(window, store, now_ms)
    # Then it has asked for the last 60 whole minutes and the present one
    assert store.asked == [*range(START - HOUR_MINUTES, START), START]
    # And a second later for the present one
    store.asked.clear()
    look(window, store, now_ms + 1_000)
    assert store.asked == [START]
    # And when the minute has ended, once more for it and for the next
    store.asked.clear()
    look(window, store, now_ms + 30_000)
    assert store.asked == [START, START + 1]


def test_a_minute_that_ends_between_asking_and_reading_is_not_missed() -> None:
    window, store = MinuteWindow(), MinuteStore({START: 5, START + 1: 2})
    # Given a look that asks in one minute and is answered in the next
    wanted = window.wanted(START * MINUTE_MS + 59_999)
    later_ms = (START + 1) * MINUTE_MS
    assert window.take(store.read(wanted, later_ms)) is None
    # When it asks again, only for what it lacks
    store.asked.clear()
    periods = look(window, store, later_ms)
    # Then both minutes are counted
    assert store.asked == [START + 1]
    assert submitted(periods.last_minute) == 5
    assert submitted(periods.recent) == 7


def test_minutes_of_a_clock_that_was_set_back_are_read_anew() -> None:
    """A minute that has not ended by the clock of today is not taken for whole."""
    window, store = MinuteWindow(), MinuteStore({START: 1})
    look(window, store, (START + 5) * MINUTE_MS)
    store.submitted[START + 2] = 9
    look(window, store, (START + 2) * MINUTE_MS)
    periods = look(window, store, (START + 3) * MINUTE_MS)
    assert submitted(periods.last_minute) == 9


@given(
    st.dictionaries(st.integers(START - 90, START + 90), st.integers(1, 50)),
    st.lists(st.integers(0, 40 * MINUTE_MS), min_size=1, max_size=12),
)
def test_periods_equal_a_recount_at_any_moment(happened: dict[int, int], pauses_ms: list[int]) -> None:
    """Whatever the pauses between looks, every period is what a recount of its minutes gives."""
    window, store = MinuteWindow(), MinuteStore(happened)
    now_ms = (START - 80) * MINUTE_MS
    for pause_ms in pauses_ms:
        now_ms += pause_ms
        present = now_ms // MINUTE_MS
        periods = look(window, store, now_ms)
        assert submitted(periods.last_minute) == store.over(present - 1, present - 1)
        assert submitted(periods.last_hour) == store.over(present - HOUR_MINUTES, present - 1)
        assert submitted(periods.recent) == store.over(present - RECENT_MINUTES, present)
        assert sum(periods.latency.waits.values()) == store.over(present - HOUR_MINUTES, present)
        assert periods.started_lately == store.over(present - LATELY_MINUTES, present)
