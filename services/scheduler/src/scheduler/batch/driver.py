"""Drives batches: submits their members in chunks, retries, cancels and removes them, a noted step at a time.

Every replica drives. Who takes a batch has it for five seconds from each step on; if it dies then, another
takes it and does the last step again: jobs are submitted once by their ids, and cancelled or retried twice as
well as once.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from common.errors import FileStoreUnavailable, InvalidField, JobsError, StoreFull
from common.job.ids import queue_of
from common.job.model import JobRequest
from common.provider.budget import BudgetScope
from common.store import batches
from common.store.batches import Again, Drop, Held, NothingToDo, Retried, Send, Sent, Step, Stop
from common.store.jobs import Draining, Full, Submitted
from common.store.keys import queue_keys
from common.store.operation import AsyncRunner
from common.store.provider import budgets
from scheduler.submission import CHUNK_JOBS, Submission

#: Between two looks for batches of which a step is due, unless this replica knows of one (s).
LOOK_EVERY_S: Final = 1.0
#: Batches that one replica drives at once.
AT_ONCE: Final = 8
#: A queue or a store that takes no more is asked again after so long (ms).
HELD_MS: Final = 2_000
_log = logging.getLogger(__name__)


class Driver:
    """Drives the batches of one namespace.

    Args:
        step_due: Set by others when a step may be due.
        sent: Takes queues that have been given members.
    """

    def __init__(
        self,
        store: AsyncRunner,
        namespace: str,
        submission: Submission,
        step_due: asyncio.Event,
        sent: Callable[[str], None],
        *,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._store = store
        self._namespace = namespace
        self._submission = submission
        self._sent = sent
        self._look_every_s = look_every_s
        self._step_due = step_due
        self._driving: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._closed = False

    async def close(self) -> None:
        """End with the steps that are under way: redis-py may swallow a cancellation."""
        self._closed = True
        self._step_due.set()
        if self._driving:
            await asyncio.wait(list(self._driving.values()))

    async def run(self) -> None:
        """Drive until closed or cancelled. A store that does not answer is tried again."""
        while not self._closed:
            self._step_due.clear()
            try:
                await self.take()
            except JobsError as error:
                _log.debug("no batch is driven: %s", error.reason)
            except Exception:
                _log.exception("no batch is driven")
            try:
                async with asyncio.timeout(self._look_every_s):
                    await self._step_due.wait()
            except TimeoutError:
                pass

    async def take(self) -> None:
        """Take what is due, as far as there is room for it."""
        room = AT_ONCE - len(self._driving)
        if room <= 0:
            return
        for name in await self._store.run(batches.take_batches(self._namespace, most=room)):
            if name not in self._driving and not self._closed:
                self._driving[name] = asyncio.create_task(self._drive(*name))
                self._driving[name].add_done_callback(lambda _, name=name: self._end(name))  # type: ignore[misc]

    def _end(self, name: tuple[str, str]) -> None:
        full = len(self._driving) >= AT_ONCE
        del self._driving[name]
        if full:
            self._step_due.set()

    async def _drive(self, tenant: str, batch_id: str) -> None:
        try:
            step = await self._store.run(batches.look(self._namespace, tenant, batch_id))
            while not self._closed and not isinstance(step, NothingToDo):
                step = await self._do(tenant, batch_id, step)
        except JobsError as error:
            _log.debug("batch %s waits: %s", batch_id, error.reason)
        except Exception:
            _log.exception("batch %s is not driven on for now", batch_id)

    async def _do(self, tenant: str, batch_id: str, step: Step) -> Step:
        """Do a step, and return the next one."""
        name = (self._namespace, tenant, batch_id)
        match step:
            case Send():
                done = await self._send(step)
                if isinstance(done, Held):
                    return await self._store.run(batches.note_held(*name, done))
                return await self._store.run(batches.note_sent(*name, step, done))
            case Again():
                return await self._store.run(batches.note_retried(*name, await self._retry(tenant, step)))
            case Stop():
                await self._stop(tenant, batch_id, step)
                return await self._store.run(batches.done_stopping(*name))
            case Drop():
                await self._drop(tenant, batch_id, step)
                return await self._store.run(batches.done_dropping(*name))
            case NothingToDo():
                return step

    async def _send(self, step: Send) -> list[Sent] | Held:
        by_queue: defaultdict[str, list[JobRequest]] = defaultdict(list)
        for request in step.requests:
            by_queue[request.queue].append(request)
        sent: list[Sent] = []
        held: Held | None = None
        for queue, requests in by_queue.items():
            for start in range(0, len(requests), CHUNK_JOBS):
                chunk = requests[start : start + CHUNK_JOBS]
                try:
                    told = await self._submission.hand_over(queue, chunk)
                except InvalidField:
                    sent += [await self._send_alone(request) for request in chunk]
                    continue
                except (StoreFull, FileStoreUnavailable) as error:
                    return Held(error.reason, HELD_MS)
                held = held or _refusal(queue, told)
                sent += [Sent(request.job_id, taken=True) for request in chunk]
            self._sent(queue)
        return held or sent

    async def _send_alone(self, request: JobRequest) -> Sent:
        try:
            await self._submission.hand_over(request.queue, [request])
        except InvalidField as error:
            _log.error("member %s was refused for good: %s", request.job_id, error.field)
            return Sent(request.job_id, taken=False)
        return Sent(request.job_id, taken=True)

    async def _retry(self, tenant: str, step: Again) -> list[Retried]:
        by_queue: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for job_id, kept in step.members:
            by_queue[queue_of(job_id) or ""].append((job_id, kept))
        retried: list[Retried] = []
        for queue, members in by_queue.items():
            keys = queue_keys(self._namespace, queue)
            for start in range(0, len(members), batches.PAGE):
                page = members[start : start + batches.PAGE]
                operation = batches.retry_each(keys, tenant, [job_id for job_id, _ in page])
                there = await self._store.run(operation)
                retried += [Retried(*member, goes_on) for member, goes_on in zip(page, there, strict=True)]
            self._sent(queue)
        return retried

    async def _stop(self, tenant: str, batch_id: str, step: Stop) -> None:
        for queue in step.queues:
            keys, after = queue_keys(self._namespace, queue), ""
            while True:
                after = await self._store.run(
                    batches.stop_members(keys, tenant, batch_id, after=after, running=step.running)
                )
                if not after:
                    break
            self._sent(queue)

    async def _drop(self, tenant: str, batch_id: str, step: Drop) -> None:
        for queue in step.queues:
            keys = queue_keys(self._namespace, queue)
            while await self._store.run(batches.drop_members(keys, tenant, batch_id)):
                pass
        await self._store.run(
            budgets.set_budgets(self._namespace, tenant, (), [(BudgetScope.BATCH, batch_id)])
        )


def _refusal(queue: str, told: list[Submitted]) -> Held | None:
    """Why a queue has not taken all, if so."""
    if any(isinstance(each, Full) for each in told):
        return Held(f"QUEUE_FULL {queue}", HELD_MS)
    if any(isinstance(each, Draining) for each in told):
        return Held(f"QUEUE_DRAINING {queue}", HELD_MS)
    return None
