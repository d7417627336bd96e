"""A batch made of bare operations, whose steps a test takes one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from common.job.batch import Batch, Terms
from common.job.model import JobRequest
from common.store import batches, jobs
from common.store.batches import Again, Drop, NothingToDo, Retried, Send, Sent, Step, Stop
from common.store.keys import queue_keys
from support.store import Queue


@dataclass
class BareBatch:
    """One batch whose members are in one queue, and what a scheduler does for it."""

    queue: Queue
    batch_id: str = "batch-1"
    tenant: str = "default"
    requests: list[JobRequest] = field(default_factory=list)

    def run(self, operation: Any) -> Any:
        return self.queue.run(operation)

    def create(self, members: int, terms: Terms | None = None, **options: Any) -> batches.AddedOrNot:
        """Create it with so many members."""
        self.requests = self.some(members)
        operation = batches.create_batch(
            self.queue.namespace,
            self.tenant,
            self.batch_id,
            terms or Terms(),
            self.requests,
            now_ms=self.queue.now_ms,
            **options,
        )
        created: batches.AddedOrNot = self.run(operation)
        return created

    def some(self, members: int) -> list[JobRequest]:
        return [self.queue.request(tenant=self.tenant, batch_id=self.batch_id) for _ in range(members)]

    def add(self, members: int, *, is_open: bool, **options: Any) -> Any:
        return self.run(
            batches.add_members(
                self.queue.namespace,
                self.tenant,
                self.batch_id,
                self.some(members),
                parallel=0,
                is_open=is_open,
                now_ms=self.queue.now_ms,
                **options,
            )
        )

    def read(self) -> Batch:
        """The batch as it is."""
        snapshot = self.run(batches.get_batch(self.queue.namespace, self.tenant, self.batch_id))
        assert snapshot is not None
        found: Batch = snapshot.batch
        return found

    def look(self) -> Step:
        step: Step = self.run(batches.look(*self._name, now_ms=self.queue.now_ms))
        return step

    def send(self, step: Send) -> Step:
        """Submit what a step says, and note it."""
        self.submit(step)
        sent = [Sent(request.job_id, taken=True) for request in step.requests]
        return self._step(batches.note_sent(*self._name, step, sent, now_ms=self.queue.now_ms))

    def submit(self, step: Send) -> None:
        told = self.queue.submit_all(list(step.requests))
        assert all(isinstance(each, jobs.Accepted) for each in told)

    def retry(self, step: Again) -> Step:
        ids = [job_id for job_id, _ in step.members]
        there = self.run(batches.retry_each(self.queue.keys, self.tenant, ids, now_ms=self.queue.now_ms))
        retried = [Retried(*member, goes_on) for member, goes_on in zip(step.members, there, strict=True)]
        return self._step(batches.note_retried(*self._name, retried, now_ms=self.queue.now_ms))

    def stop(self, step: Stop) -> Step:
        for queue in step.queues:
            after = ""
            while True:
                after = self.run(
                    batches.stop_members(
                        queue_keys(self.queue.namespace, queue),
                        self.tenant,
                        self.batch_id,
                        after=after,
                        running=step.running,
                        now_ms=self.queue.now_ms,
                    )
                )
                if not after:
                    break
        return self._step(batches.done_stopping(*self._name, now_ms=self.queue.now_ms))

    def drop(self, step: Drop) -> Step:
        for queue in step.queues:
            keys = queue_keys(self.queue.namespace, queue)
            while self.run(batches.drop_members(keys, self.tenant, self.batch_id)):
                pass
        return self._step(batches.done_dropping(*self._name, now_ms=self.queue.now_ms))

    def go_on(self) -> None:
        """Take all steps that there are, and hear of what has ended."""
        while self.hear():
            pass
        step = self.look()
        while not isinstance(step, NothingToDo):
            match step:
                case Send():
                    step = self.send(step)
                case Again():
                    step = self.retry(step)
                case Stop():
                    step = self.stop(step)
                case Drop():
                    step = self.drop(step)
            while self.hear():
                pass

    def hear(self, *, reader: str = "r1", remove: bool = True) -> Sequence[batches.Move]:
        """Note what became of members. Returns the moves."""
        taken = self.run(batches.take_moves(self.queue.keys, reader))
        assert taken.mine
        if taken.moves:
            self.run(batches.apply_moves(self.queue.namespace, taken.moves, now_ms=self.queue.now_ms))
            if remove:
                self.run(batches.moves_done(self.queue.keys, taken.entry_ids))
        moves: Sequence[batches.Move] = taken.moves
        return moves

    @property
    def due(self) -> bool:
        """Whether a scheduler is to look at it now; it is taken then."""
        taken = self.run(batches.take_batches(self.queue.namespace, most=10, now_ms=self.queue.now_ms))
        return (self.tenant, self.batch_id) in taken

    @property
    def _name(self) -> tuple[str, str, str]:
        return self.queue.namespace, self.tenant, self.batch_id

    def _step(self, operation: Any) -> Step:
        step: Step = self.run(operation)
        return step
