"""Where jobs of chaos tests have their effects: a store of its own, which writes each job's effect once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS attempts (job TEXT, token INTEGER, worker INTEGER, began_ms INTEGER);
CREATE INDEX IF NOT EXISTS attempts_by_job ON attempts (job, token);
CREATE TABLE IF NOT EXISTS effects (job TEXT PRIMARY KEY, token INTEGER);
CREATE TABLE IF NOT EXISTS refusals (job TEXT, token INTEGER, why TEXT);
"""


class Written(Enum):
    """What became of a write."""

    DONE = auto()
    #: A later attempt has begun: this one's worker does not know that it lost the job.
    STALE = auto()
    #: The job has had its effect; its earlier attempt did not live to say so.
    SEEN = auto()


@dataclass(frozen=True, slots=True)
class Attempt:
    """A run of the job's code."""

    job_id: str
    token: int
    #: Process id.
    worker: int
    began_ms: int


class FencedSink:
    """A file that many processes write to, at any time killed.

    It refuses a token older than one that it has seen of the job, and a job whose effect it has.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._transaction() as sink:
            sink.executescript(_TABLES)

    def begin(self, job_id: str, token: int, worker: int) -> None:
        """Note that an attempt begins; from now on the job's earlier attempts are refused."""
        with self._transaction() as sink:
            began_ms = time.time_ns() // 1_000_000
            sink.execute("INSERT INTO attempts VALUES (?, ?, ?, ?)", (job_id, token, worker, began_ms))

    def write(self, job_id: str, token: int) -> Written:
        """Have the effect of a job."""
        with self._transaction() as sink:
            sink.execute("BEGIN IMMEDIATE")
            [(latest,)] = sink.execute("SELECT max(token) FROM attempts WHERE job = ?", (job_id,))
            if token < latest:
                return self._refuse(sink, job_id, token, Written.STALE)
            if sink.execute("SELECT 1 FROM effects WHERE job = ?", (job_id,)).fetchone():
                return self._refuse(sink, job_id, token, Written.SEEN)
            sink.execute("INSERT INTO effects VALUES (?, ?)", (job_id, token))
            return Written.DONE

    def effects(self) -> dict[str, int]:
        """Return the token under which each job had its effect."""
        with self._transaction() as sink:
            return dict(sink.execute("SELECT job, token FROM effects").fetchall())

    def count(self) -> int:
        """Return how many jobs have had their effect."""
        with self._transaction() as sink:
            [(count,)] = sink.execute("SELECT count(*) FROM effects")
            return int(count)

    def attempts(self) -> list[Attempt]:
        """Return every run, in the order in which they began."""
        with self._transaction() as sink:
            return [Attempt(*row) for row in sink.execute("SELECT * FROM attempts ORDER BY rowid")]

    def refused(self, why: Written) -> int:
        """Return how often a write was refused."""
        with self._transaction() as sink:
            [(count,)] = sink.execute("SELECT count(*) FROM refusals WHERE why = ?", (why.name,))
            return int(count)

    @staticmethod
    def _refuse(sink: sqlite3.Connection, job_id: str, token: int, why: Written) -> Written:
        sink.execute("INSERT INTO refusals VALUES (?, ?, ?)", (job_id, token, why.name))
        return why

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=60)) as sink:
            sink.execute("PRAGMA journal_mode = WAL")
            # A killed process loses nothing by this, only a host that loses its power.
            sink.execute("PRAGMA synchronous = OFF")
            with sink:
                yield sink
