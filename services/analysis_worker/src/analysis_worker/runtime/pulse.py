"""Feels whether the event loop turns and whether child processes answer, by asking both again and again.

It measures and kills nothing but a child that does not answer its question, which is replaced like any other.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import Future
from typing import Final

from dramatiq.asyncio import get_event_loop_thread

from analysis_worker.runtime.child_process import PoolClosed
from analysis_worker.runtime.children import ChildPool
from common.job.failure import AttemptFailed

#: Between two questions to a child (s).
ASK_EVERY_S: Final = 5.0
#: A child that has not answered after this (s) is replaced: longer than one needs to start on a busy machine.
ANSWER_S: Final = 60.0
_log = logging.getLogger(__name__)


class Pulse:
    """What the last questions told. `look` asks; it is called twice a second, by one thread.

    Args:
        children: The pool. Only idle ones that were started are asked: a busy one is well by all appearance.
    """

    def __init__(
        self, children: ChildPool, *, ask_every_s: float = ASK_EVERY_S, answer_s: float = ANSWER_S
    ) -> None:
        self._children = children
        self._ask_every_s = ask_every_s
        self._answer_s = answer_s
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lag_s = 0.0
        self._turned_s: float | None = None
        self._asked_s = float("-inf")
        self._answer: Future[bool] | None = None
        #: When the first of the questions was asked that nobody answered in time; None: the last one was.
        self._failing_since_s: float | None = None

    def look(self) -> None:
        """Take the answers that have come, and ask what may be asked now."""
        thread = get_event_loop_thread()
        if thread is None or not thread.loop.is_running():
            return
        if thread.loop is not self._loop:  # a worker that booted again has another one
            self._loop, self._turned_s, self._answer = thread.loop, None, None
        with self._lock:
            turning = self._turned_s is not None
            if not turning:
                self._turned_s = time.monotonic()
        if not turning:
            thread.loop.call_soon_threadsafe(self._turned)
        self._take_answer()
        if self._children.all_held:
            self._failing_since_s = None
        now_s = time.monotonic()
        if self._answer is None and self._children.idle > 0 and now_s - self._asked_s >= self._ask_every_s:
            self._asked_s = now_s
            self._answer = asyncio.run_coroutine_threadsafe(self._ask(), thread.loop)

    @property
    def lag_ms(self) -> float:
        """How long the event loop takes, or took when last asked, to come to something new."""
        with self._lock:
            waited_s = 0.0 if self._turned_s is None else time.monotonic() - self._turned_s
            return max(self._lag_s, waited_s) * 1000

    @property
    def children_silent_ms(self) -> float:
        """For how long the child that was asked, or those asked before it, have not answered."""
        if self._failing_since_s is not None:
            return (time.monotonic() - self._failing_since_s) * 1000
        return 0.0 if self._answer is None else (time.monotonic() - self._asked_s) * 1000

    def _turned(self) -> None:
        with self._lock:
            if self._turned_s is not None:
                self._lag_s = time.monotonic() - self._turned_s
            self._turned_s = None

    def _take_answer(self) -> None:
        answer = self._answer
        if answer is None or not answer.done():
            return
        self._answer = None
        if not answer.cancelled() and answer.exception() is None and answer.result():
            self._failing_since_s = None
        elif self._failing_since_s is None:
            self._failing_since_s = self._asked_s

    async def _ask(self) -> bool:
        if self._children.idle == 0:  # it was taken meanwhile
            return True
        try:
            async with asyncio.timeout(self._answer_s), self._children.hold() as lanes:
                await lanes[0].run(_here)
        except (TimeoutError, AttemptFailed, OSError) as error:
            _log.warning("a child process did not answer: %s", type(error).__name__)
            return False
        except PoolClosed:
            return True
        return True


def _here() -> None:
    """Answer from a child process."""
