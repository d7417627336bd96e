"""Reads the files of leased jobs on threads of its own: none that fetches or runs jobs waits for them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeAlias

from common.broker.running import RunningJob
from common.broker.skew import left_to_others
from common.errors import FileStoreUnavailable
from common.files.content import FileDamaged, OtherKey
from common.files.files import Files
from common.files.store import FileMissing
from common.job.model import ErrorClass, JobError
from common.job.outcome import Fail, Outcome, Release
from common.store.filed import Filed
from common.store.keys import QueueKeys

#: Files that are read at once.
READERS: Final = 4
#: Takes what came of a job: its message, or how the attempt ends without one.
Done: TypeAlias = Callable[[RunningJob, "bytes | Outcome"], None]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Wanted:
    job: RunningJob
    keys: QueueKeys
    filed: Filed
    done: Done
    #: It is given back then (monotonic s).
    until_s: float


class ArgumentsReader:
    """Owns a few threads, started with the first file. Each job is told what came of it, once.

    Args:
        files: Where the files are; None: this worker has no such place, and leaves the jobs to others.
    """

    def __init__(self, files: Files | None) -> None:
        self._files = files
        self._wanted: dict[str, _Wanted] = {}
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False

    def read(self, job: RunningJob, keys: QueueKeys, filed: Filed, done: Done) -> None:
        """Read the file of a job. `done` is called on another thread, or at once if nothing is to be read."""
        if self._files is None:
            done(job, left_to_others(job.lease, "NO_FILE_STORE"))
            return
        until_s = time.monotonic() + 2 * self._files.timeout_s
        member = job.lease.member
        with self._lock:
            if not self._closed:
                self._wanted[member] = _Wanted(job, keys, filed, done, until_s)
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(READERS, "ArgumentsReader")
                self._pool.submit(self._read, self._files, member)
                return
        done(job, Release(reason="WORKER_STOPPED"))

    def give_back_overdue(self) -> None:
        """Give back jobs whose files take too long: the thread that reads may hang with a directory."""
        now_s = time.monotonic()
        with self._lock:
            late = [member for member, wanted in self._wanted.items() if now_s > wanted.until_s]
        for member in late:
            self._end(member, lambda job: left_to_others(job.lease, "FILE_STORE_UNAVAILABLE"))

    def close(self) -> None:
        """Give back all jobs that are waited for, and read no more."""
        with self._lock:
            self._closed = True
            left = list(self._wanted)
        for member in left:
            self._end(member, lambda _: Release(reason="WORKER_STOPPED"))
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _read(self, files: Files, member: str) -> None:
        with self._lock:
            wanted = self._wanted.get(member)
        if wanted is not None:
            what = _read(files, wanted)
            self._end(member, lambda _: what)

    def _end(self, member: str, what: Callable[[RunningJob], bytes | Outcome]) -> None:
        with self._lock:
            wanted = self._wanted.pop(member, None)
        if wanted is not None:
            wanted.done(wanted.job, what(wanted.job))


def _read(files: Files, wanted: _Wanted) -> bytes | Outcome:
    lease = wanted.job.lease
    try:
        return files.read(wanted.keys, wanted.filed, lease.tenant)
    except FileStoreUnavailable:
        return left_to_others(lease, "FILE_STORE_UNAVAILABLE")
    except OtherKey:
        return left_to_others(lease, "OTHER_FILE_KEY")
    except FileMissing:
        return Fail(
            JobError(
                ErrorClass.BUG,
                "ARGUMENTS_MISSING",
                "the file with the arguments of this job is not there",
                "see that nothing but the schedulers removes files there; create the job anew",
                lease.attempt,
            )
        )
    except FileDamaged:
        return Fail(
            JobError(
                ErrorClass.BUG,
                "ARGUMENTS_DAMAGED",
                "the file with the arguments of this job holds something else than was written",
                "see that nothing but schedulers and workers writes there; create the job anew",
                lease.attempt,
            )
        )
    except Exception:
        _log.exception("a file could not be read")
        return left_to_others(lease, "FILE_STORE_UNAVAILABLE")
