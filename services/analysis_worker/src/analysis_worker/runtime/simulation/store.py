"""A client of the store that can be cut off from it on purpose."""

from __future__ import annotations

import threading
import time
from typing import Any

import redis


class LosableClient:
    """Stands before a client of redis-py. While cut off, each command fails as a lost connection does."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._lost_until_s = float("-inf")

    def lose(self, duration_ms: int) -> None:
        """Cut the store off for so long from now on, or for longer if that was said before."""
        with self._lock:
            self._lost_until_s = max(self._lost_until_s, time.monotonic() + duration_ms / 1000)

    def execute_command(self, *arguments: Any, **options: Any) -> Any:
        """Run a command.

        Raises:
            redis.ConnectionError: The store is cut off, before the command or by the time of its answer.
        """
        self._check()
        answer = self._client.execute_command(*arguments, **options)
        self._check()
        return answer

    def pubsub(self, **options: Any) -> Any:
        """Make a subscription; one that exists already is not cut off, as cancels come with renewals too."""
        self._check()
        return self._client.pubsub(**options)

    def _check(self) -> None:
        if time.monotonic() < self._lost_until_s:
            raise redis.ConnectionError("the store is cut off: a simulated error")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)
