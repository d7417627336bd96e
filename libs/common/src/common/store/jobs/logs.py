"""The log of a job: lines are appended by the attempt that holds it, and read a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from common.job.log import LINES_KEPT, LogLevel, LogLine
from common.store.keys import QueueKeys
from common.store.operation import Argument, Operation
from common.store.scripts import script


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line on its way to the log."""

    #: The lease of the attempt that wrote it, "id/attempt".
    member: str
    #: Counts the attempt's lines from 1, so that a repeat writes none twice.
    number: int
    line: LogLine


@dataclass(frozen=True, slots=True)
class LoggedLine:
    """A line of the log."""

    #: Counts the job's lines from 1 over all attempts, without gaps. The oldest that is kept may be later.
    sequence: int
    attempt: int
    line: LogLine


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines in order."""

    lines: list[LoggedLine]
    #: Sequence number of the job's newest line; 0 if it has none. More follow while it is beyond this page's.
    newest: int


def append_log(keys: QueueKeys, lines: Sequence[NewLine]) -> Operation[list[bool]]:
    """Append lines of one queue's jobs. For each: whether it stands there, or was refused as stale."""
    arguments: list[Argument] = [LINES_KEPT]
    for new in lines:
        body = orjson.dumps([new.line.message, dict(new.line.fields)])
        arguments += (new.member, new.number, new.line.at_ms, new.line.level.value, body)

    def read(reply: list[int]) -> list[bool]:
        return [answer == 1 for answer in reply]

    return Operation(script("log"), keys.all(), arguments, read)


def read_log(keys: QueueKeys, job_id: str, *, after: int = 0, want: int = 100) -> Operation[LogPage]:
    """Read up to `want` lines behind sequence number `after`; from the oldest that is kept if that is gone.

    Says nothing of whether the job exists, or whose it is.
    """

    def read(reply: list[Any]) -> LogPage:
        return LogPage([_line(row) for row in reply[1:]], int(reply[0]))

    return Operation(script("logs"), (keys.logs(job_id),), (after, want), read)


def _line(row: bytes) -> LoggedLine:
    sequence, attempt, _, at_ms, level, body = row.split(b"\t", 5)
    message, fields = orjson.loads(body)[:2]
    # A level that this version does not know comes from a newer worker.
    known = level.decode() if level.decode() in LogLevel.__members__ else LogLevel.INFO
    return LoggedLine(int(sequence), int(attempt), LogLine(int(at_ms), LogLevel(known), message, fields))
