"""A scheduler that serves from another thread, for callers that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from support.scheduler import serving


@contextmanager
def scheduler_in_background(store: str | Mapping[str, str], **options: Any) -> Iterator[str]:
    """Serve on a free port until left; yield the address. Takes what `serving` takes."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    served = serving(store, **options)
    try:
        running = asyncio.run_coroutine_threadsafe(served.__aenter__(), loop).result(30)
        try:
            yield f"127.0.0.1:{running.port}"
        finally:
            asyncio.run_coroutine_threadsafe(served.__aexit__(None, None, None), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
