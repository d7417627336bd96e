"""When to repeat a call that failed: decisions only, no waiting and no calling.

gRPC itself repeats what nobody took (`channel`). Above it, `Attempts` repeats, while the call's own time
lasts, a call whose error names the time to try again (google.rpc.RetryInfo), such as that of a full queue,
and one that a stopping server cancelled.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from bothsides_client.errors import Cancelled, RequestFailed


@dataclass(frozen=True, slots=True)
class Reconnect:
    """How long to wait before trying again: exponential with full jitter.

    The pause before attempt n is uniform in [0, min(max_s, min_s · 2^n)], after "Exponential Backoff
    And Jitter" (AWS Architecture Blog, 2015).
    """

    min_s: float = 0.1
    max_s: float = 5.0
    #: How long a watch goes on without hearing anything before it gives up.
    patience_s: float = 60.0
    random: Callable[[], float] = random.random

    def pause_s(self, failures: int) -> float:
        """Return how long to wait after that many failures in a row, from 1."""
        return self.random() * min(self.max_s, self.min_s * 2.0 ** min(failures, 30))


class Attempts:
    """The attempts of one call, which share its time."""

    def __init__(
        self, *, repeatable: bool, timeout_s: float, reconnect: Reconnect, now_s: Callable[[], float]
    ) -> None:
        self._repeatable = repeatable
        self._deadline_s = now_s() + timeout_s
        self._reconnect = reconnect
        self._now_s = now_s
        self._failures = 0

    def left_s(self) -> float:
        """Return how long the next attempt may take."""
        return max(0.0, self._deadline_s - self._now_s())

    def pause_s(self, error: RequestFailed) -> float:
        """Return how long to wait before the next attempt.

        Never less than the server named, and a little more, so that not all callers come back at once. A call
        that was cancelled without a reason had reached a server that stopped before it began: nobody else
        cancels a call that answers once.

        Raises:
            RequestFailed: `error`, as there is to be no other attempt.
        """
        if not self._repeatable:
            raise error
        if error.retry_after_s is None and not _stopped_server(error):
            raise error
        self._failures += 1
        pause_s = (error.retry_after_s or 0.0) + self._reconnect.pause_s(self._failures)
        if pause_s >= self.left_s():
            raise error
        return pause_s


def _stopped_server(error: RequestFailed) -> bool:
    return isinstance(error, Cancelled) and not error.reason
