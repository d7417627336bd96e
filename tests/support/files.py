"""Files of large arguments in a directory, and a directory that goes away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.errors import FileStoreUnavailable
from common.files.content import Envelope
from common.files.directory import DirectoryStore
from common.files.files import Files
from common.files.filing import drive, submitting
from common.job.model import JobRequest
from common.store import jobs
from support.store import Queue


def files_in(root: Path, *, from_bytes: int = 1_000, key: str = "", timeout_ms: int = 10_000) -> Files:
    """Return the files in a directory; nearly all large arguments go there."""
    return Files(DirectoryStore(root), from_bytes=from_bytes, envelope=Envelope(key), timeout_ms=timeout_ms)


def stored(root: Path) -> list[Path]:
    """Return all files under a directory."""
    return sorted(path for path in root.rglob("*") if path.is_file())


def submit_filed(queue: Queue, files: Files, **fields: Any) -> str:
    """Submit one job, which must be accepted, with its arguments in a file."""
    [told] = submit_all_filed(queue, files, [queue.request(**fields)])
    assert isinstance(told, jobs.Accepted), told
    return told.job_id


def submit_all_filed(
    queue: Queue, files: Files, requests: list[JobRequest]
) -> list[jobs.Submitted | FileStoreUnavailable]:
    steps = submitting(queue.keys, requests, files, is_cluster=False)
    return drive(steps, queue)  # type: ignore[arg-type]  # it runs operations


@contextmanager
def taken_away(root: Path) -> Iterator[None]:
    """Have a directory gone for a while, as a mount that was lost."""
    aside = root.with_name(f"{root.name}-aside")
    root.rename(aside)
    try:
        yield
    finally:
        aside.rename(root)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777
