"""Takes jobs of one queue off the store, as many as there are free threads."""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import ActorNotFound, ConnectionClosed
from dramatiq.message import Message

from common.broker.fetcher import WAIT_MAX_S, FetchCursor, Fetcher
from common.broker.leased import message_of, undecodable
from common.broker.message import JobMessage
from common.broker.middleware import error_of
from common.broker.running import RunningJob
from common.broker.skew import left_to_others
from common.job.outcome import Fail, Outcome, Release, Succeed
from common.job.retry import after_failure
from common.store import jobs
from common.store.filed import filed_of
from common.store.jobs import Lease
from common.store.keys import QueueKeys
from common.store.record import VERSION

if TYPE_CHECKING:
    from common.broker.broker import JobBroker

#: While the store does not answer, it is asked again after this (s), for at most so long (s).
AWAY_RETRY_S: Final = 0.25
AWAY_MAX_S: Final = 30.0
_log = logging.getLogger(__name__)


class JobConsumer(Consumer):
    """What Dramatiq's consumer thread iterates over. A fetched job holds a slot until it has ended."""

    def __init__(self, broker: JobBroker, keys: QueueKeys, cursor: FetchCursor, timeout_ms: int) -> None:
        self._broker = broker
        self._keys = keys
        self._timeout_s = min(timeout_ms / 1000, WAIT_MAX_S, broker.longest_wait_s)
        self._fetcher = Fetcher(broker, keys, cursor, self._timeout_s, self._take_in)
        self._fetched: deque[JobMessage] = deque()
        #: Those of them whose files were read, of unknown actors or without a worker.
        self._read: deque[JobMessage] = deque()
        self._closed = False
        #: Since when the store does not answer (monotonic s).
        self._away_since_s: float | None = None

    def __next__(self) -> MessageProxy | None:
        """Return a job that can start now, or None after a bounded wait.

        Raises:
            ConnectionClosed: The store has not answered for AWAY_MAX_S. Dramatiq makes a new consumer, whose
                first fetch repeats the last of this one.
        """
        try:
            message = self._next()
        except ConnectionClosed as error:
            self._wait_for_store(error)
            return None
        self._away_since_s = None
        return message

    def _wait_for_store(self, error: ConnectionClosed) -> None:
        """Let a moment pass: Dramatiq would wait three seconds after what may be over at once."""
        now_s = time.monotonic()
        if self._away_since_s is None:
            self._away_since_s = now_s
            _log.warning("the store does not answer; no jobs of %s are fetched for now", self._keys.queue)
        if now_s - self._away_since_s > AWAY_MAX_S:
            raise error
        time.sleep(AWAY_RETRY_S)

    def _next(self) -> MessageProxy | None:
        if self._broker.draining.is_set():
            self.close()
            time.sleep(self._timeout_s)
            return None
        if self._read:
            return self._read.popleft()
        if self._fetched:
            return self._fetched.popleft()
        self._broker.give_back_stuck()
        found = self._fetcher.look()
        if found is not None and self._started_all(found) and not self._broker.draining.is_set():
            # Another fetch would find nothing, unless it was rung for since.
            self._fetcher.sleep(found.wait_ms)
        if self._broker.draining.is_set():
            # Asked to stop while it fetched: nothing of this may start any more.
            self.close()
        if self._read:
            return self._read.popleft()
        return self._fetched.popleft() if self._fetched else None

    def ack(self, message: MessageProxy) -> None:
        """Commit the outcome that middleware decided. A missing one is a failed attempt, never a success.

        A message that no worker thread took up was fetched by hand; its outcome is the caller's word.
        """
        job = _job_of(message)
        outcome = job.outcome
        if outcome is None and job.started_s:
            error = error_of(None, job.attempt)
            outcome = after_failure(error, job.lease.retry, job.spent, random.random)
        self._end(job, outcome or Succeed())

    def nack(self, message: MessageProxy) -> None:
        """Commit a failure; a job of an unknown actor goes back, since another worker may know it."""
        job = _job_of(message)
        exception = message.exception if isinstance(message, JobMessage) else None
        if isinstance(exception, ActorNotFound):
            self._end(job, left_to_others(job.lease, "UNKNOWN_ACTOR"))
        else:
            self._end(job, job.outcome or Fail(error_of(exception, job.attempt)))

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Give back jobs that were leased and not started."""
        for message in messages:
            self._end(_job_of(message), Release(reason="WORKER_STOPPED"))

    def close(self) -> None:
        """Give back what was fetched and not handed out."""
        self._closed = True
        for held in (self._read, self._fetched):
            self.requeue(held)
            held.clear()

    def _started_all(self, found: jobs.Fetched) -> bool:
        """Whether all that may start was leased, and all of that is before the threads."""
        slots = self._broker.slots
        if slots.wants_alone(self._keys.queue):
            return False
        return not found.leases or not (found.more or self._fetched or slots.used > slots.total)

    def _take_in(self, leases: Sequence[Lease], room: int, asked_s: float) -> None:
        measures = self._broker.slots.pace(self._keys.queue).is_measured
        filed = [filed_of(lease.payload) if lease.version > 1 else None for lease in leases]
        messages = [
            None if apart is not None else message_of(lease, self._keys.queue)
            for lease, apart in zip(leases[:room], filed, strict=False)
        ]
        messages += [None] * (len(leases) - room)
        read = [
            (message, self._running(lease, message, measures))
            for message, lease in zip(messages, leases, strict=True)
        ]
        self._broker.keeper.hold((job for _, job in read), asked_s)
        for place, (message, job) in enumerate(read):
            if place >= room:
                self._end(job, Release(reason="STUCK"))
            elif job.lease.version > VERSION:
                # Whatever it is, it was written by a version that others run already.
                self._end(job, left_to_others(job.lease, "NEWER_RECORD"))
            elif (apart := filed[place]) is not None:
                self._broker.arguments.read(job, self._keys, apart, self._take_read)
            elif message is None:
                self._end(job, Fail(undecodable(job.lease)))
            else:
                self._fetched.append(JobMessage(message, job))
        if not self._broker.draining.is_set():
            self._hand_over()

    def _take_read(self, job: RunningJob, read: bytes | Outcome) -> None:
        """Put a job before the worker's threads whose file was read; called on a thread that reads."""
        message = message_of(job.lease, self._keys.queue, read) if isinstance(read, bytes) else None
        if not isinstance(read, bytes):
            self._end(job, read)
        elif message is None:
            self._end(job, Fail(undecodable(job.lease)))
        elif self._broker.draining.is_set() or self._closed:
            self._end(job, Release(reason="WORKER_STOPPED"))
        else:
            job.actor = message.actor_name
            work_queue = self._broker.work_queue
            if work_queue is not None and message.actor_name in self._broker.actors:
                work_queue.put(JobMessage(message, job))
            else:
                self._read.append(JobMessage(message, job))

    def _hand_over(self) -> None:
        """Put what was fetched before the worker's threads, all at once.

        The rest is handed out one by one: jobs of unknown actors, and all of them if there is no worker.
        """
        work_queue, actors = self._broker.work_queue, self._broker.actors
        if work_queue is None:
            return
        known = [message for message in self._fetched if message.actor_name in actors]
        if len(known) < len(self._fetched):
            self._fetched = deque(message for message in self._fetched if message.actor_name not in actors)
        else:
            self._fetched.clear()
        work_queue.put_all(known, self._broker.slots.pace(self._keys.queue).threads_for(len(known)))

    def _running(self, lease: Lease, message: Message[Any] | None, measures: bool) -> RunningJob:
        broker = self._broker
        return RunningJob(
            lease,
            self._keys.queue,
            message.actor_name if message is not None else "?",
            broker.committer,
            default_timeout_ms=broker.timeout_ms,
            measures=measures,
        )

    def _end(self, job: RunningJob, outcome: Outcome) -> None:
        slots = self._broker.slots
        if job.started_s:
            slots.pace(self._keys.queue).note(time.monotonic() - job.started_s)
        slots.give(self._keys.queue, slots.total if job.lease.alone else 1)
        self._broker.committer.end(job, outcome)


def _job_of(message: MessageProxy) -> RunningJob:
    """Return the job of a message that ends now."""
    if not isinstance(message, JobMessage):
        raise TypeError(f"{type(message).__name__} did not come from this broker")
    message.ended = True
    return message.job
