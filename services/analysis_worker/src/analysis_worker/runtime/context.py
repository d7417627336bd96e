"""What a handler may ask of the world, and how it reports: all of it, in one object.

A handler gets no broker, no store and no settings. What it does reaches the outside through these ports.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from analysis_worker.runtime.children import ChildPool, Lane
from analysis_worker.sinks.port import AnalysisSink
from analysis_worker.sources.port import ConversationSource
from analysis_worker.wire.results import content_of
from bothsides.jobs import v1 as pb
from common.job.ids import JobId
from common.job.model import Content

T = TypeVar("T")


class Attempt(Protocol):
    """One attempt of a job, as the broker runs it (`common.broker.RunningJob`)."""

    @property
    def job_id(self) -> JobId: ...
    @property
    def attempt(self) -> int: ...
    @property
    def tenant(self) -> str: ...
    @property
    def timeout_ms(self) -> int | None: ...
    @property
    def started_s(self) -> float: ...
    @property
    def cancel_requested(self) -> bool: ...

    def report(
        self,
        fraction: float,
        stage: str,
        *,
        completed_units: int = 0,
        total_units: int = 0,
        finish_ms: int | None = None,
    ) -> None: ...

    def keep_part(self, name: str, content: Content) -> None: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """What every job of this worker shares."""

    conversations: ConversationSource
    analyses: AnalysisSink
    children: ChildPool
    #: The longest run (ms) of an attempt whose job names none.
    default_timeout_ms: int


class JobContext:
    """The running attempt and its ports. Made for one call of a handler.

    The attempt is stopped (cancel, lost lease, timeout, shutdown) by cancelling the handler's task, and with
    it the child process that it waits for.
    """

    def __init__(self, attempt: Attempt, ports: Ports) -> None:
        self._attempt = attempt
        self._ports = ports

    @property
    def job_id(self) -> JobId:
        return self._attempt.job_id

    @property
    def attempt(self) -> int:
        """The fencing token: grows with every attempt of the job."""
        return self._attempt.attempt

    @property
    def tenant(self) -> str:
        return self._attempt.tenant

    @property
    def conversations(self) -> ConversationSource:
        return self._ports.conversations

    @property
    def analyses(self) -> AnalysisSink:
        return self._ports.analyses

    @property
    def cancel_requested(self) -> bool:
        """The handler should stop. Only loops without an `await` need to look."""
        return self._attempt.cancel_requested

    @property
    def remaining_ms(self) -> int:
        """What is left of the attempt's time limit; not below 0."""
        limit_ms = self._attempt.timeout_ms or self._ports.default_timeout_ms
        spent_ms = (time.monotonic() - self._attempt.started_s) * 1000
        return max(0, int(limit_ms - spent_ms))

    def progress(
        self,
        fraction: float,
        stage: str,
        *,
        completed_units: int = 0,
        total_units: int = 0,
        finish_ms: int | None = None,
    ) -> None:
        """Report how far the attempt has come; `stage` in words for people. Returns at once."""
        self._attempt.report(
            fraction,
            stage,
            completed_units=completed_units,
            total_units=total_units,
            finish_ms=finish_ms,
        )

    def part(self, name: str, result: pb.JobResult) -> None:
        """Publish a finished part of the result. Returns at once; parts arrive in order, and all of them."""
        self._attempt.keep_part(name, content_of(result))

    async def run_in_child(self, function: Callable[..., T], *args: Any) -> T:
        """Return `function(*args)`, computed in a child process that ends if this attempt is stopped.

        Arguments and errors as for Lane.run.
        """
        async with self.hold_children() as lanes:
            return await lanes[0].run(function, *args)

    def hold_children(self, most: int = 1) -> AbstractAsyncContextManager[list[Lane]]:
        """Hold child processes for several calls; as ChildPool.hold."""
        return self._ports.children.hold(most)
