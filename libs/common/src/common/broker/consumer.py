"""Takes jobs of one queue off the store, as many as there are free threads."""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import ActorNotFound, ConnectionClosed, DecodeError
from dramatiq.message import Message

from common.broker.message import JobMessage, decoded
from common.broker.middleware import error_of
from common.broker.running import RunningJob
from common.broker.skew import left_to_others
from common.errors import JobsError
from common.job.model import ErrorClass, JobError
from common.job.outcome import Fail, Outcome, Release, Succeed
from common.job.retry import after_failure
from common.store import jobs
from common.store.jobs import Lease
from common.store.keys import QueueKeys
from common.store.operation import STORE_ERRORS
from common.store.packing import unpacked, unpacked_bytes
from common.store.record import VERSION

if TYPE_CHECKING:
    from common.broker.broker import JobBroker

#: A consumer looks again after this at the latest (s): what a lost wake-up costs.
WAIT_MAX_S: Final = 1.0
#: What was leased ahead and has not started after this (s) goes back; also the longest wait for a slot.
STUCK_AFTER_S: Final = 0.1
#: What no thread has come to after this (s) is taken up by all that wait.
WAKE_AFTER_S: Final = 0.01
#: What large messages may take, together, of jobs that are leased ahead of the threads (bytes).
AHEAD_BYTES: Final = 32 * 1024 * 1024
#: While the store does not answer, it is asked again after this (s), for at most so long (s).
AWAY_RETRY_S: Final = 0.25
AWAY_MAX_S: Final = 30.0
_log = logging.getLogger(__name__)


class FetchCursor:
    """Names the fetches of one queue by one process, so that a lost reply can be asked for again."""

    def __init__(self, consumer: str) -> None:
        self.consumer = consumer
        self.number = 1


class JobConsumer(Consumer):
    """What Dramatiq's consumer thread iterates over. A fetched job holds a slot until it has ended."""

    def __init__(self, broker: JobBroker, keys: QueueKeys, cursor: FetchCursor, timeout_ms: int) -> None:
        self._broker = broker
        self._keys = keys
        self._cursor = cursor
        self._timeout_s = min(timeout_ms / 1000, WAIT_MAX_S, broker.longest_wait_s)
        self._fetched: deque[JobMessage] = deque()
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
        if self._fetched:
            return self._fetched.popleft()
        self._broker.give_back_stuck()
        slots = self._broker.slots
        queue = self._keys.queue
        wait_s = min(self._timeout_s, WAKE_AFTER_S if self._broker.more_to_come() else STUCK_AFTER_S)
        alone = slots.wants_alone(queue)
        taken = (slots.total if slots.take_all(queue, wait_s) else 0) if alone else slots.take(queue, wait_s)
        if taken == 0:
            return None
        kept = 0
        try:
            fetched = self._fetch(1 if alone else taken, alone=alone)
            kept = sum(slots.total if lease.alone else 1 for lease in fetched.leases)
        finally:
            slots.give(queue, taken - kept)
        slots.limit_queue(queue, fetched.worker_concurrency)
        if fetched.suspect_waits and not alone:
            slots.ask_alone(queue)
        elif kept == 0 or not (fetched.more or self._fetched or slots.used > slots.total):
            # Another fetch would find nothing, unless it was rung for since.
            self._sleep(fetched.wait_ms)
        if self._broker.draining.is_set():
            # Asked to stop while it fetched: nothing of this may start any more.
            self.close()
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
        self.requeue(self._fetched)
        self._fetched.clear()

    def _fetch(self, want: int, *, alone: bool) -> jobs.Fetched:
        asked_s = time.monotonic()
        operation = jobs.fetch(
            self._keys,
            consumer=self._cursor.consumer,
            number=self._cursor.number,
            want=want,
            lease_ms=self._broker.lease_ms,
            worker=self._broker.worker_id,
            alone=alone,
        )
        try:
            fetched = self._broker.runner.run(operation)
        except JobsError as error:
            raise ConnectionClosed(error) from error
        self._cursor.number += 1
        if fetched.leases:
            room = self._room_for(fetched.leases)
            measures = self._broker.slots.pace(self._keys.queue).is_measured
            read = [self._read(lease, measures=measures) for lease in fetched.leases[:room]]
            read += [(None, self._running(lease, "?", measures)) for lease in fetched.leases[room:]]
            self._broker.keeper.hold((job for _, job in read), asked_s)
            for place, (message, job) in enumerate(read):
                if place >= room:
                    self._end(job, Release(reason="STUCK"))
                elif job.lease.version > VERSION:
                    # Whatever it is, it was written by a version that others run already.
                    self._end(job, left_to_others(job.lease, "NEWER_RECORD"))
                elif message is None:
                    self._end(job, Fail(_undecodable(job.lease)))
                else:
                    self._fetched.append(JobMessage(message, job))
            if not self._broker.draining.is_set():
                self._hand_over()
        return fetched

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

    def _room_for(self, leases: Sequence[Lease]) -> int:
        """Return how many messages may be unpacked: one for each thread, and what is small beside them.

        What is shared takes little in the store and on its way, and all of it in each job here.
        """
        slots = self._broker.slots
        held = 0
        for place, lease in enumerate(leases):
            held += unpacked_bytes(lease.payload) if lease.version > 1 else 0
            if held > AHEAD_BYTES and place >= slots.total:
                slots.pace(self._keys.queue).note(STUCK_AFTER_S)
                return place
        return len(leases)

    def _read(self, lease: Lease, *, measures: bool) -> tuple[Message[Any] | None, RunningJob]:
        """Return a lease's message and job; None for a message that cannot be decoded."""
        try:
            message = decoded(unpacked(lease.payload))
            if not isinstance(message.actor_name, str) or not isinstance(message.kwargs, dict):
                raise TypeError("this is no message")
            _add_what_the_store_knows(message.options, lease)
        except (DecodeError, TypeError):
            return None, self._running(lease, "?", measures)
        if message.queue_name != self._keys.queue:
            message = message.copy(queue_name=self._keys.queue)
        return message, self._running(lease, message.actor_name, measures)

    def _running(self, lease: Lease, actor: str, measures: bool) -> RunningJob:
        broker = self._broker
        return RunningJob(
            lease,
            self._keys.queue,
            actor,
            broker.committer,
            default_timeout_ms=broker.timeout_ms,
            measures=measures,
        )

    def _sleep(self, wait_ms: int | None) -> None:
        """Wait for a wake-up, or until something is due."""
        longest_s = WAKE_AFTER_S if self._broker.more_to_come() else self._timeout_s
        wait_s = longest_s if wait_ms is None else min(longest_s, wait_ms / 1000)
        if wait_s <= 0:
            return
        client: Any = self._broker.client
        try:
            # The server rounds to milliseconds, and takes 0 as "for ever".
            client.execute_command("BLPOP", self._keys.wake, max(wait_s, 0.001))
        except STORE_ERRORS as error:
            raise ConnectionClosed(error) from error

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


def _add_what_the_store_knows(options: dict[str, Any], lease: Lease) -> None:
    """Set a message's options as middleware expects them, `retries` above all."""
    if not isinstance(options, dict):
        raise TypeError("this is no message")
    options["job_id"] = lease.job_id
    # The store has kept it until then; Dramatiq would wait once more, and send it as another job.
    options.pop("eta", None)
    if lease.spent:
        options["retries"] = lease.spent
    else:
        options.pop("retries", None)


def _undecodable(lease: Lease) -> JobError:
    return JobError(
        ErrorClass.BUG,
        "UNDECODABLE_MESSAGE",
        f"the stored message of {len(lease.payload)} bytes cannot be decoded",
        "check that producers and workers use the same Dramatiq encoder",
        lease.attempt,
    )
