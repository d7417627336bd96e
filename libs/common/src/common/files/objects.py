"""Files as objects of a bucket: S3 and what speaks it, Google Cloud Storage, Azure, WebDAV; by `obstore`.

`obstore` is the extra `files` of this package. It finds credentials and endpoints as the vendors' own tools
do (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, the identity of a pod). Objects are as private as the bucket has it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from common.errors import FileStoreUnavailable
from common.files.store import FileMissing

#: A connection is there in this share of the time that a call may take.
_CONNECT_SHARE: Final = 0.25
#: A call that failed in a passing way is made again so often, within its time.
_TRIES_AGAIN: Final = 2
#: Objects that `paths` lists at a time.
_PAGE: Final = 500


class ObjectStore:
    """A FileStore in what `obstore` made of a URL."""

    def __init__(self, store: Any) -> None:
        self._store = store

    @classmethod
    def at(cls, url: str, timeout_ms: int) -> ObjectStore:
        """Reach the store at a URL; a call takes no longer than `timeout_ms`.

        Raises:
            ValueError: The URL is of no kind that is known.
        """
        whole = timedelta(milliseconds=timeout_ms)
        options: Any = {
            "client_options": {
                "timeout": whole,
                "connect_timeout": whole * _CONNECT_SHARE,
                # It is read with the others where no options are given.
                "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true"),
            },
            "retry_config": {"max_retries": _TRIES_AGAIN, "retry_timeout": whole},
        }
        try:
            return cls(from_url(url, **options))
        except BaseError as error:
            raise ValueError("must be a URL of a file store") from error

    def write(self, path: str, data: bytes) -> None:
        with _translated():
            obstore.put(self._store, path, data)

    def read(self, path: str, most: int) -> bytes:
        with _translated():
            found = obstore.get(self._store, path)
            if found.meta["size"] > most:
                raise ValueError("too large")
            return bytes(found.bytes())

    def has(self, path: str) -> bool:
        try:
            with _translated():
                obstore.head(self._store, path)
        except FileMissing:
            return False
        return True

    def remove(self, paths: Sequence[str]) -> None:
        for path in paths:
            try:
                with _translated():
                    obstore.delete(self._store, path)
            except FileMissing:
                continue

    def paths(self, folder: str) -> Iterator[list[str]]:
        with _translated():
            for page in obstore.list(self._store, folder, chunk_size=_PAGE):
                yield [found["path"] for found in page]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        # That there is no bucket is told in the same way.
        if "NoSuchBucket" in str(error):
            raise FileStoreUnavailable("NoSuchBucket") from error
        raise FileMissing from error
    except (BaseError, OSError) as error:
        raise FileStoreUnavailable(type(error).__name__) from error
