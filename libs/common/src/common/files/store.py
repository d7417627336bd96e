"""The port: a store of files by path, small enough for a directory, a bucket, or what else keeps bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol


class FileMissing(Exception):
    """The store answers, and has no such file."""


class FileStore(Protocol):
    """Paths have "/" between their parts. Safe to share between threads, which wait for it.

    Each method raises FileStoreUnavailable if the store does not answer in time, or refuses.
    """

    def write(self, path: str, data: bytes) -> None:
        """Put a file there, whole or not at all; over one that is there."""
        ...

    def read(self, path: str, most: int) -> bytes:
        """Return a file.

        Raises:
            FileMissing: There is none.
            ValueError: It has more than `most` bytes.
        """
        ...

    def has(self, path: str) -> bool: ...

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files; those that are not there are no error."""
        ...

    def paths(self, folder: str) -> Iterator[list[str]]:
        """List all files under a folder, some hundreds at a time."""
        ...
