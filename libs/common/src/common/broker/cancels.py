"""Listens for cancels of running jobs. The fast path: a renewal would bring them too, but later."""

from __future__ import annotations

import logging
import threading
from typing import Any, Final

from common.broker.leases import LeaseKeeper
from common.broker.running import StopReason
from common.store.keys import QueueKeys
from common.store.operation import STORE_ERRORS

#: How long one look for a message takes (s); also the longest until a new queue is listened to.
LISTEN_S: Final = 0.1
#: Between two tries while the server does not answer (s).
RECONNECT_S: Final = 1.0
_log = logging.getLogger(__name__)


class CancelListener:
    """Owns one thread and one subscription for all queues of this worker."""

    def __init__(self, client: Any, keeper: LeaseKeeper) -> None:
        self._client = client
        self._keeper = keeper
        self._channels: set[str] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def listen(self, keys: QueueKeys) -> None:
        """Listen for the cancels of one more queue."""
        with self._lock:
            self._channels.add(keys.cancel_channel)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="CancelListener", daemon=True)
                self._thread.start()

    @property
    def alive(self) -> bool:
        """The thread runs, or was never needed."""
        return self._thread is None or self._thread.is_alive()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._listen()
            except STORE_ERRORS as error:
                _log.warning("cancels are not heard for now: %s", type(error).__name__)
                self._closed.wait(RECONNECT_S)
            except Exception:
                _log.exception("cancels are not heard for now")
                self._closed.wait(RECONNECT_S)

    def _listen(self) -> None:
        subscribed: set[str] = set()
        with self._client.pubsub() as pubsub:
            while not self._closed.is_set():
                with self._lock:
                    fresh = self._channels - subscribed
                if fresh:
                    pubsub.subscribe(*fresh)
                    subscribed |= fresh
                message = pubsub.get_message(timeout=LISTEN_S)
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    # What was said before, or while the connection was gone, was heard by nobody here.
                    self._keeper.renew_soon()
                elif message["type"] == "message":
                    job = self._keeper.find(message["data"].decode())
                    if job is not None:
                        job.stop(StopReason.CANCEL)
