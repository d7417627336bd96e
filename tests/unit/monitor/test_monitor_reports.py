"""The board: what is said of a look, and who is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from common.errors import Draining
from monitor.facts import Facts, Reading
from monitor.health import Severity, Thresholds
from monitor.reports import Report, ReportBoard
from support.monitor_facts import NOW_MS, facts, fresh, queue

WELL = facts(queue())
#: A pause with jobs waiting is DEGRADED, whatever the numbers.
ILL = facts(queue(paused=True, pending=3, oldest_pending_ms=NOW_MS))
WORSE_NUMBERS = facts(queue(paused=True, pending=999, oldest_pending_ms=NOW_MS - 1_000))
AWAY = Reading(WELL, age_ms=6_000, store_away=True)
#: Long enough for a wait that must not end.
SILENT_S = 60.0


class Board(ReportBoard):
    """A board that is told what was read."""

    def __init__(self) -> None:
        self.told = Reading(None, None, store_away=False)
        super().__init__(Thresholds(), lambda: self.told)

    def tell(self, reading: Reading) -> Report:
        self.told = reading
        return self.judge()


def board_of(*found: Facts) -> Board:
    board = Board()
    for one in found:
        board.tell(fresh(one))
    return board


def test_nothing_is_known_before_the_first_look() -> None:
    latest = board_of().judge()
    assert (latest.status, latest.facts) == (Severity.UNKNOWN, None)
    assert [issue.code for issue in latest.issues] == ["FACTS_STALE"]


def test_the_status_is_the_worst_issue_and_healthy_without_any() -> None:
    assert board_of(WELL).judge().status is Severity.HEALTHY
    assert board_of(ILL).judge().status is Severity.DEGRADED


def test_an_issue_of_no_harm_leaves_the_status_healthy() -> None:
    latest = board_of(facts(queue(paused=True))).judge()
    assert latest.status is Severity.HEALTHY
    assert [issue.code for issue in latest.issues] == ["QUEUE_PAUSED"]


def test_the_store_going_away_silences_every_rule_and_keeps_the_last_facts() -> None:
    board = board_of(ILL)
    board.tell(Reading(ILL, age_ms=6_000, store_away=True))
    assert board.judge().status is Severity.UNKNOWN
    assert [issue.code for issue in board.judge().issues] == ["STORE_UNREACHABLE"]
    assert board.judge().facts is ILL


def test_after_an_outage_the_first_look_is_believed_at_once() -> None:
    board = board_of(WELL)
    board.tell(AWAY)
    board.tell(fresh(ILL))
    assert board.judge().status is Severity.DEGRADED


def test_the_version_grows_only_when_status_or_issues_change() -> None:
    board = board_of(ILL)
    version = board.judge().version
    # When only the numbers of an issue move
    board.tell(fresh(WORSE_NUMBERS))
    # Then the report is new, but no change
    assert board.judge().version == version
    assert "999" in board.judge().issues[0].message
    # And when the issue becomes another severity of itself, it is one
    board.tell(AWAY)
    assert board.judge().version == version + 1


def test_facts_count_once_however_often_they_are_judged() -> None:
    """An issue needs two looks that found it, not one look that was judged twice."""
    board = board_of(WELL, ILL)
    for _ in range(5):
        assert board.judge().status is Severity.HEALTHY
    assert board.tell(fresh(replace(ILL))).status is Severity.DEGRADED


def test_facts_grow_old_between_two_looks() -> None:
    board = board_of(WELL)
    assert board.tell(Reading(WELL, age_ms=5_000, store_away=False)).status is Severity.HEALTHY
    assert board.tell(Reading(WELL, age_ms=5_001, store_away=False)).status is Severity.UNKNOWN


async def test_a_watcher_is_told_of_a_change_at_once() -> None:
    board = board_of(WELL)
    waiting = asyncio.create_task(board.after(board.judge().version, SILENT_S))
    await asyncio.sleep(0)
    board.tell(AWAY)
    assert (await asyncio.wait_for(waiting, 5)).status is Severity.UNKNOWN


async def test_a_watcher_is_not_woken_by_numbers_alone() -> None:
    board = board_of(ILL)
    waiting = asyncio.create_task(board.after(board.judge().version, SILENT_S))
    for found in (WORSE_NUMBERS, ILL, WORSE_NUMBERS):
        board.tell(fresh(found))
        await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait({waiting})


async def test_a_watcher_hears_the_latest_after_a_silence() -> None:
    board = board_of(ILL)
    waiting = asyncio.create_task(board.after(board.judge().version, 0.05))
    await asyncio.sleep(0)
    board.tell(fresh(WORSE_NUMBERS))
    assert (await asyncio.wait_for(waiting, 5)).facts is WORSE_NUMBERS


async def test_a_slow_watcher_finds_only_the_latest() -> None:
    # Given a watcher that is busy with an old report
    board = board_of(WELL)
    seen = board.judge().version
    # When health changes three times meanwhile
    for reading in (AWAY, fresh(WELL), AWAY):
        board.tell(reading)
    # Then it gets the last of them, at once, and nothing else
    report = await board.after(seen, SILENT_S)
    assert (report.status, report.version) == (Severity.UNKNOWN, seen + 3)


async def test_closing_ends_every_watch_also_those_that_come_later() -> None:
    board = board_of(WELL)
    waits = [asyncio.create_task(board.after(board.judge().version, SILENT_S)) for _ in range(3)]
    await asyncio.sleep(0)
    board.close()
    for wait in waits:
        with pytest.raises(Draining):
            await asyncio.wait_for(wait, 5)
    with pytest.raises(Draining):
        await board.after(board.judge().version - 1, SILENT_S)
