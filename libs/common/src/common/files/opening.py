"""Which store a URL means."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from common.files.directory import DirectoryStore
from common.files.store import FileStore

MUST: Final = "be a URL such as file:///srv/jobs or s3://bucket/prefix, with all that its kind asks for"
NEEDS: Final = "have the package obstore for it: install bothsides-common[files], or use file:///"


def open_store(url: str, timeout_ms: int) -> FileStore:
    """Return the store at a URL, without asking it anything.

    Raises:
        ValueError: It is no URL of a store, or its package is not installed; ends the sentence "It must ...".
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = Path(unquote(parts.path))
        if parts.netloc not in ("", "localhost") or not path.is_absolute() or path == Path("/"):
            raise ValueError(MUST)
        return DirectoryStore(path)
    if not parts.scheme:
        raise ValueError(MUST)
    try:
        from common.files.objects import ObjectStore  # an extra
    except ImportError as error:
        raise ValueError(NEEDS) from error
    try:
        return ObjectStore.at(url, timeout_ms)
    except ValueError as error:
        raise ValueError(MUST) from error
