"""Files in a directory that schedulers and workers share, such as a volume that all of them mount.

Nobody but their user may read them (0600 in 0700). A file gets its name when it is whole and on the disk.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from common.errors import FileStoreUnavailable
from common.files.store import FileMissing

#: Ends the names of files that are being written. What was not finished after this (s) will not be.
_UNFINISHED: Final = ".tmp"
_UNFINISHED_S: Final = 3_600
#: Files that `paths` lists at a time.
_PAGE: Final = 500


class DirectoryStore:
    """A FileStore in a directory, which must be there: where it was not mounted, nothing is to be written."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, path: str, data: bytes) -> None:
        place = self._root / path
        unfinished = place.with_name(f".{uuid4().hex}{_UNFINISHED}")
        with _translated():
            self._make_folder(place.parent)
            try:
                _write_whole(unfinished, data)
                unfinished.replace(place)
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise
            _sync(place.parent)

    def read(self, path: str, most: int) -> bytes:
        with _translated():
            try:
                with (self._root / path).open("rb") as file:
                    data = file.read(most + 1)
            except FileNotFoundError:
                self._check_is_there(path)
                raise FileMissing from None
        if len(data) > most:
            raise ValueError("too large")
        return data

    def has(self, path: str) -> bool:
        with _translated():
            return (self._root / path).is_file()

    def remove(self, paths: Sequence[str]) -> None:
        with _translated():
            for path in paths:
                self._check_is_there(path)
                (self._root / path).unlink(missing_ok=True)

    def paths(self, folder: str) -> Iterator[list[str]]:
        found: list[str] = []
        with _translated():
            for place, _, names in os.walk(self._root / folder):
                where = Path(place)
                for name in names:
                    if name.endswith(_UNFINISHED):
                        _remove_if_old(where / name)
                    else:
                        found.append((where / name).relative_to(self._root).as_posix())
                    if len(found) >= _PAGE:
                        yield found
                        found = []
        if found:
            yield found

    def _check_is_there(self, path: str) -> None:
        """Raise an OSError where not even the first folder is: the directory is missing, or another one."""
        (self._root / path.split("/", 1)[0]).stat()

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir() or folder == self._root:
            return
        self._make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _write_whole(place: Path, data: bytes) -> None:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_if_old(unfinished: Path) -> None:
    with suppress(FileNotFoundError):
        if time.time() - unfinished.stat().st_mtime > _UNFINISHED_S:
            unfinished.unlink()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileStoreUnavailable(error.strerror or type(error).__name__) from error
