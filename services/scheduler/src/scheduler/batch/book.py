"""What may be asked about batches: create, add to, read, list, cancel, retry, delete.

A batch of another tenant does not exist for the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from common.errors import (
    BatchNotCancellable,
    BatchNotDeletable,
    BatchNotFound,
    BatchNotOpen,
    BatchNotRetryable,
    InvalidField,
    InvalidFilter,
    JobsError,
    RequestIdReused,
    RequestIdSpent,
    StoreFull,
)
from common.job.batch import MAX_MEMBERS, Batch, BatchState, Terms
from common.job.model import JobRequest
from common.provider.budget import Budget, BudgetScope
from common.store import batches
from common.store.batches import Added, AddedOrNot, Closed, Gone, Repeated, Reused
from common.store.keys import queue_keys
from common.store.operation import AsyncRunner
from common.store.provider import budgets
from common.store.record import LABEL
from scheduler.filters import Filter, parse_filter
from scheduler.filters.tree import conditions_of
from scheduler.paging import PageTokens, page_size_of

#: Batches that are looked at for one page, and by one script.
MAX_LOOKED_AT: Final = 1_000
_LOOK: Final = 100
#: The kind of list that tokens are sealed for.
_KIND: Final = "batches"
_FILTERED: Final = frozenset({"state", "created", "ended"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What makes a request safe to repeat; "" for nothing."""

    request_id: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A batch, and how many of its live members run at this moment."""

    batch: Batch
    running: int


class Book:
    """The batches of one namespace.

    Args:
        step_due: Set when a step of one may be due.
    """

    def __init__(
        self, store: AsyncRunner, namespace: str, tokens: PageTokens, step_due: asyncio.Event
    ) -> None:
        self._store = store
        self._namespace = namespace
        self._tokens = tokens
        self._step_due = step_due

    async def create(
        self,
        tenant: str,
        batch_id: str,
        terms: Terms,
        members: Sequence[JobRequest],
        asked: Asked,
        *,
        is_open: bool,
    ) -> Shown:
        """Accept a batch; its members, which name `batch_id`, are submitted from there.

        Raises:
            InvalidField: It has too many members.
            RequestIdReused, RequestIdSpent, StoreFull, StoreUnavailable: It was not taken.
        """
        bound = (BudgetScope.BATCH, batch_id)
        if terms.max_cost_micro_usd:
            # Before any member can pay.
            budget = Budget(bound[0], terms.max_cost_micro_usd, terms.when_spent, batch_id)
            await self._store.run(budgets.set_budgets(self._namespace, tenant, [budget]))
        operation = await asyncio.to_thread(
            batches.create_batch,
            self._namespace,
            tenant,
            batch_id,
            terms,
            members,
            is_open=is_open,
            request_id=asked.request_id,
            digest=asked.digest,
        )
        forgotten = budgets.set_budgets(self._namespace, tenant, (), [bound])
        try:
            outcome = await self._store.run(operation)
        except StoreFull:
            if terms.max_cost_micro_usd:
                await self._store.run(forgotten)
            raise
        if terms.max_cost_micro_usd and not isinstance(outcome, Added):
            await self._store.run(forgotten)
        self._step_due.set()
        return await self._called(tenant, outcome, batch_id)

    async def add(
        self, tenant: str, batch_id: str, members: Sequence[JobRequest], asked: Asked, *, last: bool
    ) -> Shown:
        """Add members to a batch that is open.

        Raises:
            BatchNotFound, BatchNotOpen: There is no such batch, or it takes none.
            InvalidField: It would have too many.
            RequestIdReused, StoreFull, StoreUnavailable: They were not taken.
        """
        parallel = (await self._read(tenant, batch_id)).terms.parallel
        operation = await asyncio.to_thread(
            batches.add_members,
            self._namespace,
            tenant,
            batch_id,
            members,
            parallel=parallel,
            is_open=not last,
            request_id=asked.request_id,
            digest=asked.digest,
        )
        outcome = await self._store.run(operation)
        self._step_due.set()
        return await self._called(tenant, outcome, batch_id)

    async def _called(self, tenant: str, outcome: AddedOrNot, batch_id: str) -> Shown:
        """Read the batch that a call was about, or an earlier one with its request id."""
        called = _id_in(outcome, batch_id)
        try:
            return await self.get(tenant, called)
        except BatchNotFound:
            if isinstance(outcome, Repeated):
                raise RequestIdSpent(called, kind="batch_id") from None
            raise

    async def get(self, tenant: str, batch_id: str) -> Shown:
        """Read a batch.

        Raises:
            BatchNotFound: There is no such batch of this tenant.
        """
        [shown] = await self._shown([await self._read(tenant, batch_id)])
        return shown

    async def page(
        self, tenant: str, *, filter_text: str, page_size: int, page_token: str
    ) -> tuple[list[Shown], str]:
        """Return batches, the newest first, and the token of the next page, "" on the last.

        Raises:
            InvalidFilter: The filter does not follow the grammar, or names what batches have not.
            InvalidPageToken: The token is of another list, filter or tenant.
        """
        wanted = _filter_of(filter_text)
        after = ""
        if page_token:
            after = str((await self._tokens.open(page_token, _KIND, tenant, filter_text))[0])
        want = page_size_of(page_size)
        found: list[Batch] = []
        for _ in range(MAX_LOOKED_AT // _LOOK):
            looked = await self._store.run(
                batches.list_batches(self._namespace, tenant, after=after, want=_LOOK)
            )
            matching = [batch for batch in looked if wanted.judge(_facts(batch))]
            taken = matching[: want - len(found)]
            found += taken
            if len(taken) < len(matching) or (len(found) == want and looked[-1] is not taken[-1]):
                after = taken[-1].batch_id
                break
            after = looked[-1].batch_id if len(looked) == _LOOK else ""
            if not after or len(found) == want:
                break
        token = await self._tokens.seal([after], _KIND, tenant, filter_text) if after else ""
        return await self._shown(found), token

    async def cancel(self, tenant: str, batch_id: str) -> Shown:
        """Stop a batch. Cancelling again is harmless.

        Raises:
            BatchNotFound: There is no such batch of this tenant.
            BatchNotCancellable: It ended in another way.
        """
        code, state = await self._store.run(batches.halt_batch(self._namespace, tenant, batch_id))
        _judge(code, batch_id, BatchNotCancellable(batch_id, state))
        self._step_due.set()
        return await self.get(tenant, batch_id)

    async def retry(self, tenant: str, batch_id: str, *, cancelled: bool) -> Shown:
        """Retry what failed or expired, and with `cancelled` what was cancelled, too.

        Raises:
            BatchNotFound: There is no such batch of this tenant.
            BatchNotRetryable: It has no such members, or is being stopped.
        """
        letters = "FXC" if cancelled else "FX"
        code, state = await self._store.run(batches.retry_members(self._namespace, tenant, batch_id, letters))
        _judge(code, batch_id, BatchNotRetryable(batch_id, state))
        self._step_due.set()
        return await self.get(tenant, batch_id)

    async def delete(self, tenant: str, batch_id: str) -> None:
        """Have a batch that has ended removed, with its members.

        Raises:
            BatchNotFound: There is no such batch of this tenant.
            BatchNotDeletable: It has not ended.
        """
        code, state = await self._store.run(batches.delete_batch(self._namespace, tenant, batch_id))
        _judge(code, batch_id, BatchNotDeletable(batch_id, state))
        self._step_due.set()

    async def _read(self, tenant: str, batch_id: str) -> Batch:
        snapshot = await self._store.run(batches.get_batch(self._namespace, tenant, batch_id))
        if snapshot is None:
            raise BatchNotFound(batch_id)
        return snapshot.batch

    async def _shown(self, read: Sequence[Batch]) -> list[Shown]:
        """Count what runs: a script a queue for all of them."""
        running = dict.fromkeys((batch.batch_id for batch in read), 0)
        live = [batch for batch in read if batch.counts.live]

        async def count(queue: str) -> None:
            here = [batch for batch in live if queue in batch.queues]
            names = [(batch.tenant, batch.batch_id) for batch in here]
            counted = await self._store.run(batches.count_running(queue_keys(self._namespace, queue), names))
            for batch, number in zip(here, counted, strict=True):
                running[batch.batch_id] += number

        await asyncio.gather(*map(count, _queues_of(live)))
        return [Shown(batch, min(running[batch.batch_id], batch.counts.live)) for batch in read]


def _queues_of(found: Iterable[Batch]) -> list[str]:
    return sorted({queue for batch in found for queue in batch.queues})


def _id_in(outcome: AddedOrNot, batch_id: str) -> str:
    match outcome:
        case Added(known) | Repeated(known):
            return known
        case Reused(first):
            raise RequestIdReused(first, kind="batch_id")
        case Gone():
            raise BatchNotFound(batch_id)
        case Closed(state):
            raise BatchNotOpen(batch_id, state)
        case batches.TooMany(members):
            raise InvalidField(
                "members", f"would be more than {MAX_MEMBERS} with the {members} that there are: divide them"
            )


def _judge(code: int, batch_id: str, refusal: JobsError) -> None:
    if code == -1:
        raise BatchNotFound(batch_id)
    if code != 1:
        raise refusal


def _filter_of(text: str) -> Filter:
    wanted = parse_filter(text)
    for condition in conditions_of(wanted.tree):
        if condition.field not in _FILTERED and not condition.field.startswith(LABEL):
            raise InvalidFilter("filter", "batches have state, create_time, end_time and labels.KEY only")
        if condition.field == "state" and condition.value not in BatchState.__members__:
            raise InvalidFilter("filter", f"the state of a batch is one of {', '.join(BatchState)}")
    return wanted


def _facts(batch: Batch) -> Callable[[str], str]:
    facts = {
        "state": batch.state.value,
        "created": str(batch.created_ms),
        "ended": "" if batch.ended_ms is None else str(batch.ended_ms),
        **{LABEL + key: value for key, value in batch.terms.labels.items()},
    }
    return lambda field: facts.get(field, "")
