"""What a handler may ask of the world, and how it reports: all of it, in one object.

A handler gets no broker, no store and no settings. What it does reaches the outside through these ports.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from analysis_worker.paid.accounting import AccountedCalls
from analysis_worker.paid.port import PaidCalls
from analysis_worker.privacy.settings import Screening
from analysis_worker.runtime.children import ChildPool, Lane
from analysis_worker.sinks.port import AnalysisSink, InsightsSink
from analysis_worker.sources.port import AnalysisSource, ConversationSource
from analysis_worker.vault.port import Vault
from analysis_worker.wire.results import content_of
from bothsides.jobs import v1 as pb
from common.job.ids import JobId
from common.job.model import Content, PaidUsage

if TYPE_CHECKING:
    from analysis_worker.engines.openai.access import ModelAccess

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
    def batch_id(self) -> str: ...
    @property
    def remaining_ms(self) -> int: ...
    @property
    def deadline_ms(self) -> int: ...
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

    def log(self, level: str, message: str, /, **fields: object) -> None: ...

    def checkpoint(self, data: bytes) -> Future[bool]: ...

    def restore(self) -> bytes | None: ...

    def snooze(self, delay_ms: int, reason: str) -> NoReturn: ...

    def spend(self, cpu_s: float, peak_bytes: int | None = None) -> None: ...

    def pay(self, paid: PaidUsage) -> None: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """What every job of this worker shares."""

    conversations: ConversationSource
    analyses: AnalysisSink
    children: ChildPool
    kept: AnalysisSource
    insights: InsightsSink
    #: None where nothing is set up that could be paid.
    paid: PaidCalls | None = None
    #: None where no provider is set up.
    models: ModelAccess | None = None
    #: None where no text ever leaves.
    vault: Vault | None = None
    #: What is done about hostile content.
    screening: Screening = field(default_factory=Screening)


class JobContext:
    """The running attempt and its ports. Made for one call of a handler.

    The attempt is stopped (cancel, lost lease, timeout, shutdown) by cancelling the handler's task, and with
    it the child process that it waits for.
    """

    def __init__(self, attempt: Attempt, ports: Ports) -> None:
        self._attempt = attempt
        self._ports = ports
        #: Ids of the conversations that were read, in order.
        self._read: dict[str, None] = {}

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
    def batch_id(self) -> str:
        """The batch that the job is a member of; "" for none."""
        return self._attempt.batch_id

    @property
    def conversations(self) -> ConversationSource:
        """Where conversations are read. What the attempt asks of models from then on is about them too."""
        return _Noting(self._ports.conversations, self._read)

    def rests_on(self, conversation_ids: Iterable[str]) -> None:
        """Say that what the attempt asks of models from now on rests on these conversations too.

        Its answers go when one of them is erased. Of those that are read through `conversations` it is known.
        """
        self._read.update(dict.fromkeys(conversation_ids))

    @property
    def analyses(self) -> AnalysisSink:
        return self._ports.analyses

    @property
    def kept(self) -> AnalysisSource:
        """Analyses that earlier jobs have kept."""
        return self._ports.kept

    @property
    def insights(self) -> InsightsSink:
        return self._ports.insights

    @property
    def vault(self) -> Vault | None:
        """Where the placeholder maps of conversations are kept."""
        return self._ports.vault

    @property
    def paid(self) -> PaidCalls | None:
        """Calls that cost money; None if this worker has no key for any."""
        return (
            None
            if self._ports.paid is None
            else AccountedCalls(self._ports.paid, self._attempt.pay, lambda: tuple(self._read))
        )

    @property
    def models(self) -> ModelAccess | None:
        """The models that may be asked; None if this worker has no key for any."""
        return self._ports.models

    @property
    def screening(self) -> Screening:
        """What is done about hostile content; a job may ask for more."""
        return self._ports.screening

    @property
    def cancel_requested(self) -> bool:
        """The handler should stop. Only loops without an `await` need to look."""
        return self._attempt.cancel_requested

    @property
    def remaining_ms(self) -> int:
        """What is left of the attempt's time limit; not below 0. Then its task is cancelled."""
        return self._attempt.remaining_ms

    @property
    def deadline_ms(self) -> int:
        """When the attempt's time limit ends (Unix ms)."""
        return self._attempt.deadline_ms

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

    def log(self, level: str, message: str, /, **fields: object) -> None:
        """Write a line to the job's own log, which operators read. Returns at once.

        `message` in words for people, what varies as fields: `context.log("INFO", "Read the page", page=3)`.
        Personal data and secrets that follow a pattern are masked; never hand over what people wrote.

        Args:
            level: "DEBUG", "INFO", "WARNING" or "ERROR".
        """
        self._attempt.log(level, message, **fields)

    async def checkpoint(self, data: bytes) -> bool:
        """Keep what a later attempt needs to go on from here, in place of the last one; at most 1 MiB.

        Returns once it is kept; False if it could not be, since the store is full or the lease lost. A
        checkpoint is gone when the job succeeds.
        """
        return await asyncio.wrap_future(self._attempt.checkpoint(data))

    async def restore(self) -> bytes | None:
        """Return the job's last checkpoint, of whichever attempt; None if there is none.

        Raises:
            AttemptFailed: The store does not answer.
        """
        return await asyncio.to_thread(self._attempt.restore)

    def snooze(self, delay_ms: int, reason: str) -> NoReturn:
        """End the attempt and give the job back unspent, to start again after `delay_ms` at the earliest.

        Args:
            reason: A constant in UPPER_SNAKE_CASE, such as "SOURCE_NOT_READY"; ExplainJob shows it.
        """
        self._attempt.snooze(delay_ms, reason)

    async def run_in_child(self, function: Callable[..., T], *args: Any) -> T:
        """Return `function(*args)`, computed in a child process that ends if this attempt is stopped.

        Arguments and errors as for Lane.run.
        """
        async with self.hold_children() as lanes:
            return await lanes[0].run(function, *args)

    def hold_children(
        self, most: int = 1, *, like: Sequence[Lane] = (), after_s: float = 0.0
    ) -> AbstractAsyncContextManager[list[Lane]]:
        """Hold child processes for several calls; as ChildPool.hold. What they use is this attempt's."""
        return self._ports.children.hold(
            most, lambda used: self._attempt.spend(used.cpu_s, used.peak_bytes), like=like, after_s=after_s
        )


class _Noting:
    """A ConversationSource that notes what is read."""

    def __init__(self, source: ConversationSource, read: dict[str, None]) -> None:
        self._source = source
        self._read = read

    async def load(self, tenant: str, conversation_id: str) -> bytes:
        """Return a serialized conversation; errors as the port says."""
        self._read[conversation_id] = None
        return await self._source.load(tenant, conversation_id)
