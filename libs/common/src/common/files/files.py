"""The files of one deployment: who has one, where it lies, and what a store that is away costs."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar
from urllib.parse import quote

from common.errors import FileStoreUnavailable
from common.files.content import OVERHEAD_BYTES, Envelope
from common.files.store import FileMissing, FileStore
from common.store.filed import Filed, FileName
from common.store.keys import QueueKeys
from common.store.packing import MESSAGE_BYTES, Apart

R = TypeVar("R")
#: Compressed arguments of so many bytes go into a file, unless set otherwise.
FROM_BYTES: Final = 262_144
#: A call of the store may take so long, unless set otherwise (ms).
TIMEOUT_MS: Final = 10_000
#: While a store is away it is asked once in so long (s); all others hear at once that it is away.
AWAY_S: Final = 1.0
#: Calls of the store that an event loop has under way at once.
_THREADS: Final = 8
#: No file has more: arguments that do not compress.
_MOST_BYTES: Final = 2 * MESSAGE_BYTES + OVERHEAD_BYTES
_log = logging.getLogger(__name__)


class Files:
    """Reads and writes for the threads that call it, or for an event loop (`soon`).

    Args:
        from_bytes: Of compressed arguments that go into a file.
        timeout_ms: `soon` waits no longer: a directory may hang where a call over the network ends.
    """

    def __init__(
        self,
        store: FileStore,
        *,
        from_bytes: int = FROM_BYTES,
        envelope: Envelope | None = None,
        timeout_ms: int = TIMEOUT_MS,
    ) -> None:
        self._store = store
        self._from_bytes = from_bytes
        self._envelope = envelope or Envelope()
        self.timeout_s = timeout_ms / 1_000
        self._pool = ThreadPoolExecutor(_THREADS, "Files")
        self._lock = threading.Lock()
        #: When the store is asked again (monotonic s); None while it answers.
        self._asks_at_s: float | None = None

    def takes(self, apart: Apart) -> bool:
        """Whether these arguments go into a file."""
        return len(apart.small) >= self._from_bytes

    def write(self, keys: QueueKeys, name: FileName, small: bytes, *, look: bool) -> None:
        """Have a file with compressed arguments.

        Args:
            look: It is probably there, and is not written again then.

        Raises:
            FileStoreUnavailable: It is not known to be there.
        """
        path = path_of(keys, name)
        with self._asking():
            if not (look and self._store.has(path)):
                self._store.write(path, self._envelope.put(small, name.digest))

    def read(self, keys: QueueKeys, filed: Filed, tenant: str) -> bytes:
        """Return a whole message.

        Raises:
            FileStoreUnavailable: The store does not answer.
            FileMissing: Its file is not there.
            FileDamaged: It holds something else.
            OtherKey: It is sealed, and this process has another key or none.
        """
        try:
            with self._asking():
                data = self._store.read(path_of(keys, filed.name), _MOST_BYTES)
        except ValueError:
            data = b""
        return self._envelope.take(data, filed, tenant)

    def remove(self, keys: QueueKeys, names: Sequence[FileName]) -> None:
        """Remove files.

        Raises:
            FileStoreUnavailable: Some may be left.
        """
        with self._asking():
            self._store.remove([path_of(keys, name) for name in names])

    def names(self, keys: QueueKeys) -> Iterator[list[FileName]]:
        """List all files of a queue, some hundreds at a time.

        Raises:
            FileStoreUnavailable: These are not all.
        """
        with self._asking():
            for paths in self._store.paths(folder_of(keys)):
                yield [name for path in paths if (name := _name_of(path)) is not None]

    async def soon(self, work: Callable[[], R]) -> R:
        """Do what waits for the store on a thread.

        Raises:
            FileStoreUnavailable: It takes too long.
        """
        try:
            return await asyncio.wait_for(
                asyncio.get_running_loop().run_in_executor(self._pool, work), 2 * self.timeout_s
            )
        except TimeoutError as error:
            self._asks_at_s = time.monotonic() + AWAY_S
            raise FileStoreUnavailable("no answer in time") from error

    def close(self) -> None:
        """Take no more work of event loops."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with self._lock:
            now_s = time.monotonic()
            if self._asks_at_s is not None:
                if now_s < self._asks_at_s:
                    raise FileStoreUnavailable("no answer a moment ago")
                self._asks_at_s = now_s + self.timeout_s + AWAY_S
        try:
            yield
        except FileStoreUnavailable as error:
            if self._asks_at_s is None:
                _log.warning("the file store does not answer (%s); who needs it waits", error.why)
            self._asks_at_s = time.monotonic() + AWAY_S
            raise
        except (FileMissing, ValueError):
            self._asks_at_s = None
            raise
        self._asks_at_s = None


def folder_of(keys: QueueKeys) -> str:
    """Return where the files of a queue lie."""
    return f"{quote(keys.namespace, safe='')}/{quote(keys.queue, safe='')}"


def path_of(keys: QueueKeys, name: FileName) -> str:
    return f"{folder_of(keys)}/{name.digest[:2]}/{name}"


def _name_of(path: str) -> FileName | None:
    digest, _, made_ms = path.rpartition("/")[2].rpartition("-")
    return FileName(digest, int(made_ms)) if digest and made_ms.isdigit() else None
