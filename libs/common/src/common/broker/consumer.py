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

from common.broker.leased import message_of, room_for, undecodable
from common.broker.message import JobMessage
from common.broker.middleware import error_of
from common.broker.running import RunningJob
from common.broker.skew import left_to_others
from common.errors import JobsError
from common.job.outcome import Fail, Outcome, Release, Succeed
from common.job.retry import after_failure
from common.store import jobs
from common.store.durability import Command
from common.store.jobs import Lease
from common.store.keys import QueueKeys
from common.store.operation import STORE_ERRORS, Operation
from common.store.record import VERSION

if TYPE_CHECKING:
    from common.broker.broker import JobBroker

#: A consumer looks again after this at the latest (s): what a lost wake-up costs.
WAIT_MAX_S: Final = 1.0
#: What was leased ahead and has not started after this (s) goes back; also the longest wait for a slot.
STUCK_AFTER_S: Final = 0.1
#: What no thread has come to after this (s) is taken up by all that wait.
WAKE_AFTER_S: Final = 0.01
#: A worker that sleeps has asked for the first jobs that come: so many of them, and most often one comes.
FIRST_JOBS: Final = 2
#: It sleeps for at most this share of a lease, which is taken as begun when it fell asleep.
SLEEP_OF_LEASE: Final = 1 / 8
#: Threads that were given jobs after a sleep have the interpreter for so long (s) before another is prepared.
LET_RUN_S: Final = 0.0001
#: What a fetch found is still so after this (s).
FRESH_S: Final = 0.005
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
        #: What the fetch at the end of the last sleep found, unless there is more, and when (monotonic s).
        self._found: tuple[jobs.Fetched, float] | None = None
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
        found = self._found_before() or self._look()
        if found is not None and self._started_all(found):
            # Another fetch would find nothing, unless it was rung for since.
            self._sleep(found.wait_ms)
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

    def _look(self) -> jobs.Fetched | None:
        """Fetch as many jobs as there are free slots; None if none came to be free."""
        slots, queue = self._broker.slots, self._keys.queue
        wait_s = min(self._timeout_s, WAKE_AFTER_S if self._broker.more_to_come() else STUCK_AFTER_S)
        alone = slots.wants_alone(queue)
        taken = (slots.total if slots.take_all(queue, wait_s) else 0) if alone else slots.take(queue, wait_s)
        if taken == 0:
            return None
        kept = 0
        try:
            fetched = self._run(self._fetch(1 if alone else taken, alone=alone))
            kept = sum(slots.total if lease.alone else 1 for lease in fetched.leases)
        finally:
            slots.give(queue, taken - kept)
        self._heed(fetched, alone=alone)
        return fetched

    def _sleep(self, wait_ms: int | None) -> None:
        """Wait for a wake-up, or until something is due, and fetch then, in the same round trip.

        No slots are held meanwhile, which other queues may need: what comes when they are used up waits for
        one, as what is leased ahead does, or goes back.
        """
        slots, queue = self._broker.slots, self._keys.queue
        longest_s = WAKE_AFTER_S if self._broker.more_to_come() else self._timeout_s
        wait_s = longest_s if wait_ms is None else min(longest_s, wait_ms / 1000)
        if wait_s <= 0:
            return
        free = 0 if self._broker.more_to_come() else slots.free(queue)
        if free > 0:
            wait_s = min(wait_s, self._broker.lease_ms / 1000 * SLEEP_OF_LEASE)
        # The server rounds to milliseconds, and takes 0 as "for ever".
        wait = ("BLPOP", self._keys.wake, max(wait_s, 0.001))
        if free <= 0:
            try:
                self._broker.client.execute_command(*wait)
            except STORE_ERRORS as error:
                raise ConnectionClosed(error) from error
            return
        fetched = self._run(self._fetch(min(free, FIRST_JOBS)), wait)
        if fetched.leases:
            time.sleep(
                LET_RUN_S
            )  # else they would wait, and what they have not taken yet would pass for work ahead
        self._heed(fetched)
        if not fetched.more and not fetched.suspect_waits:
            self._found = fetched, time.monotonic()

    def _found_before(self) -> jobs.Fetched | None:
        """Return what the fetch of a moment ago found, if another would find the same."""
        found, self._found = self._found, None
        slots, queue = self._broker.slots, self._keys.queue
        if found is None or time.monotonic() - found[1] > FRESH_S:
            return None
        return found[0] if slots.free(queue) > 0 and not slots.wants_alone(queue) else None

    def _started_all(self, found: jobs.Fetched) -> bool:
        """Whether all that may start was leased, and all of that is before the threads."""
        slots = self._broker.slots
        if slots.wants_alone(self._keys.queue):
            return False
        return not found.leases or not (found.more or self._fetched or slots.used > slots.total)

    def _fetch(self, want: int, *, alone: bool = False) -> Operation[jobs.Fetched]:
        return jobs.fetch(
            self._keys,
            consumer=self._cursor.consumer,
            number=self._cursor.number,
            want=want,
            lease_ms=self._broker.lease_ms,
            worker=self._broker.worker_id,
            alone=alone,
        )

    def _run(self, fetch: Operation[jobs.Fetched], after: Command | None = None) -> jobs.Fetched:
        """Fetch, and put what came before the threads; `after` a sleep slots are taken for it only here."""
        asked_s = time.monotonic()
        runner = self._broker.runner
        try:
            fetched = runner.run(fetch) if after is None else runner.run_after(after, fetch)
        except JobsError as error:
            raise ConnectionClosed(error) from error
        self._cursor.number += 1
        if fetched.leases:
            slots, queue = self._broker.slots, self._keys.queue
            room = room_for(fetched.leases, slots.total)
            if room < len(fetched.leases):
                slots.pace(queue).note(STUCK_AFTER_S)
            if after is not None:
                slots.give(queue, -len(fetched.leases))
            self._take_in(fetched.leases, room, asked_s)
        return fetched

    def _take_in(self, leases: Sequence[Lease], room: int, asked_s: float) -> None:
        measures = self._broker.slots.pace(self._keys.queue).is_measured
        messages = [message_of(lease, self._keys.queue) for lease in leases[:room]]
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
            elif message is None:
                self._end(job, Fail(undecodable(job.lease)))
            else:
                self._fetched.append(JobMessage(message, job))
        if not self._broker.draining.is_set():
            self._hand_over()

    def _heed(self, fetched: jobs.Fetched, *, alone: bool = False) -> None:
        """Follow what a fetch said besides."""
        slots, queue = self._broker.slots, self._keys.queue
        slots.limit_queue(queue, fetched.worker_concurrency)
        if fetched.suspect_waits and not alone:
            slots.ask_alone(queue)

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
