"""JobBroker: plain Dramatiq actors on a store that tracks every job.

The queue entry, the record, the event and the statistics of a job change together, in one script.
It replaces Dramatiq's Redis broker and nothing else: actors, middleware, Worker and the `dramatiq`
command stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dramatiq.broker import Consumer
from dramatiq.errors import ConnectionClosed, QueueNotFound
from dramatiq.message import Message
from dramatiq.middleware import AgeLimit, Callbacks, CurrentMessage, Middleware

from common.broker.consumer import JobConsumer
from common.broker.fetcher import FetchCursor
from common.broker.follow_ups import JobPipelines
from common.broker.joining import join
from common.broker.leased import packed_again
from common.broker.message import JobMessage
from common.broker.middleware import AsyncActors, JobRetries, Lifecycle, error_of
from common.broker.request import request_of
from common.broker.running import current_job
from common.broker.skew import stamped
from common.broker.work_loop import WorkThreads
from common.broker.worker_side import WorkerLife, WorkerSide
from common.errors import (
    DuplicateJob,
    FileStoreUnavailable,
    QueueDraining,
    QueueFull,
    RequestIdReused,
    StoreUnavailable,
)
from common.files.files import Files
from common.files.filing import drive, submitting
from common.job.ids import JobId
from common.job.limits import RetryBudget
from common.job.model import JobRequest, RetryPolicy
from common.job.outcome import Retry
from common.store import jobs, queues
from common.store.durability import EVERYSEC, Durability
from common.store.keys import QueueKeys
from common.store.operation import Client, Operation
from common.store.packing import is_large
from common.store.queue_settings import default_retry_budget

#: A blocking wait ends in this share of the client's own time-out, so that an answer still gets through.
_WAIT_SHARE: Final = 0.8


class JobBroker(WorkerSide):
    """A broker on Valkey or Redis ≥ 7 in which every message is a job with a record.

    `actor.send_with_options` takes, beside Dramatiq's own `delay`: `priority` ("CRITICAL", "HIGH",
    "NORMAL", "LOW", "BACKGROUND"), `tenant`, `request_id` (the same id and arguments within 24 hours
    are one job), `unique_key` and `duplicate_policy` (one job of a key at a time: "USE_EXISTING", "REJECT",
    "REPLACE"), `deadline_ms` (Unix ms), `ttl_ms`, `timeout_ms`, `labels`. The message that it returns
    carries `options["job_id"]`.

    Args:
        client: A client of one server, of a Sentinel's master (`master_for`) or of a cluster, with
            `decode_responses=False`; safe to share.
        namespace: Before all keys; one deployment, one namespace.
        lease_ms: A worker that is killed costs its jobs at most this long. At least 100.
        middleware: All middleware but the broker's own. None: AgeLimit, Callbacks, Pipelines,
            CurrentMessage, async actors, and retries by error class.
        retry: For jobs whose actor and message say nothing about retries.
        retry_budget: For queues that this broker uses and for which none is set. None: they keep the default.
        timeout_ms: Longest run of one attempt whose actor and message name no `timeout_ms`.
        concurrency: The most jobs of one queue that a worker runs at once, by queue.
        default_concurrency: The same for other queues; None: as many as the worker has threads.
        durability: What a message must have outlived before sending it returns.
        reports: Enter a worker on this broker into the register, which schedulers and the monitor read.
            False for one that does so itself and tells more.
        compress_results: Keep results over 64 KiB compressed. A scheduler of a version before this option
            shows them as bytes of an unknown kind.
        files: Where large arguments go and come from, see common.files; None: all stay in the store.

    Raises:
        ValueError: The client decodes responses, or the lease is too short.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespace: str = "bothsides",
        lease_ms: int = 30_000,
        middleware: list[Middleware] | None = None,
        retry: RetryPolicy | None = None,
        retry_budget: RetryBudget | None = None,
        timeout_ms: int = 300_000,
        concurrency: Mapping[str, int] | None = None,
        default_concurrency: int | None = None,
        durability: Durability = EVERYSEC,
        compress_results: bool = False,
        files: Files | None = None,
        reports: bool = True,
    ) -> None:
        settings = _settings_of(client)
        if settings.get("decode_responses"):
            raise ValueError("client: pass a client with decode_responses=False; payloads are bytes")
        if lease_ms < 100:
            raise ValueError(f"lease_ms: {lease_ms} is too short; a lease is at least 100 ms")
        if middleware is None:
            middleware = [
                AgeLimit(),
                Callbacks(),
                JobPipelines(),
                CurrentMessage(),
                AsyncActors(timeout_ms),
                JobRetries(),
            ]
        life = WorkerLife(reports)
        super().__init__(
            client,
            namespace=namespace,
            lease_ms=lease_ms,
            middleware=[WorkThreads(), Lifecycle(compress_results), *middleware, life],
            concurrency=concurrency,
            default_concurrency=default_concurrency,
            durability=durability,
            files=files,
        )
        self.retry = retry or RetryPolicy()
        self._retry_budget = retry_budget
        self.timeout_ms = timeout_ms
        #: No blocking wait of this client may take longer (s).
        self.longest_wait_s = _WAIT_SHARE * (settings.get("socket_timeout") or float("inf"))
        self._registered: set[str] = set()

    # -- declaring -------------------------------------------------------------------------------

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue. Needs no connection; the store hears of it with the first message or consumer."""
        if queue_name in self.queues:
            return
        self.emit_before("declare_queue", queue_name)
        self.queues[queue_name] = QueueKeys(self.namespace, queue_name)
        self.emit_after("declare_queue", queue_name)

    def _register(self, queue_name: str) -> None:
        if queue_name not in self._registered:
            self.run(queues.declare_queue(self.namespace, queue_name))
            if self._retry_budget is not None:
                self._give_budget(self.queues[queue_name], self._retry_budget)
            self._registered.add(queue_name)

    def _give_budget(self, keys: QueueKeys, budget: RetryBudget) -> None:
        try:
            self.runner.run_steps(default_retry_budget(keys, budget))
        except StoreUnavailable as error:
            raise ConnectionClosed(error) from error

    # -- producing -------------------------------------------------------------------------------

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Accept a message as a job.

        A message that this worker runs right now is not a new job: sending it again, as Dramatiq's
        Retries does, makes it the job's next attempt. What hooks that follow a job's run enqueue, as
        Callbacks and Pipelines do, is submitted when the job's end is committed, and only then.

        Args:
            delay: Earliest start, in ms from now. Any length.

        Raises:
            ConnectionClosed: The store does not answer. The message may be sent again, with a
                `request_id` safely.
            QueueFull, QueueDraining, DuplicateJob, StoreFull, RequestIdReused, InvalidField,
                FileStoreUnavailable: The job was refused.
        """
        job = current_job()
        if job is None:
            return self._enqueue(message, delay)
        with job.guard:
            return self._enqueue(message, delay)

    def _enqueue(self, message: Message[Any], delay: int | None) -> Message[Any]:
        if isinstance(message, JobMessage) and not message.ended:
            self.emit_before("enqueue", message._message, delay)
            error = error_of(message.exception, message.job.attempt)
            payload = packed_again(message.encode(), message.job.lease)
            message.job.outcome = Retry(error, delay or 0, payload=payload)
            self.emit_after("enqueue", message._message, delay)
            return message._message
        if isinstance(message, JobMessage):
            message = message._message
        self.declare_queue(message.queue_name)
        self.emit_before("enqueue", message, delay)
        actor = self.actors.get(message.actor_name)
        message = stamped(message, actor)
        request = request_of(message, actor, self.retry, delay or 0)
        ending = self.follow_ups.job
        if ending is not None:
            ending.followups.append(request)
        job_id = request.job_id if ending is not None else self._submit(request)
        sent = message.copy(options={"job_id": job_id})
        self.emit_after("enqueue", sent, delay)
        return sent

    def _submit(self, request: JobRequest) -> JobId:
        self._register(request.queue)
        match self._submitted(request):
            case jobs.Accepted(job_id) | jobs.Repeated(job_id) | jobs.Existing(job_id):
                accepted: JobId = job_id
                return accepted
            case jobs.Reused(job_id):
                raise RequestIdReused(job_id)
            case jobs.Rejected(job_id):
                raise DuplicateJob(job_id)
            case jobs.Full(depth):
                raise QueueFull(request.queue, depth)
            case FileStoreUnavailable() as error:
                raise error
            case _:
                raise QueueDraining(request.queue)

    def _submitted(self, request: JobRequest) -> jobs.Submitted | FileStoreUnavailable:
        keys, is_cluster = self.queues[request.queue], self.runner.is_cluster
        try:
            if self.files is None or not is_large(request.payload):
                return self.runner.run_steps(jobs.submitting(keys, [request], is_cluster=is_cluster))[0]
            return drive(submitting(keys, [request], self.files, is_cluster=is_cluster), self.runner)[0]
        except StoreUnavailable as error:
            raise ConnectionClosed(error) from error

    # -- consuming -------------------------------------------------------------------------------

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30_000) -> Consumer:
        """Return an iterator over jobs that can start now.

        `prefetch` counts only when no Worker was booted: nothing is leased ahead of a free thread.

        Raises:
            QueueNotFound: The queue was never declared.
            ConnectionClosed: The store does not answer.
        """
        try:
            keys = self.queues[queue_name]
        except KeyError:
            raise QueueNotFound(queue_name) from None
        with self._lock:
            if self._slots is None:
                self.use_slots(prefetch)
            cursor = self._cursors.setdefault(queue_name, FetchCursor(f"{self.worker_id}/{queue_name}"))
        self._register(queue_name)
        self.cancels.listen(keys)
        self.outbox.look_after(queue_name)
        return JobConsumer(self, keys, cursor, timeout)

    def run(self, operation: Operation[Any]) -> Any:
        """Run an operation as Dramatiq expects it of a broker.

        Raises:
            ConnectionClosed: The store does not answer.
        """
        try:
            return self.runner.run(operation)
        except StoreUnavailable as error:
            raise ConnectionClosed(error) from error

    # -- ending ----------------------------------------------------------------------------------

    def flush(self, queue_name: str) -> None:
        """Remove all jobs of a queue, in every state. Meant for tests."""
        keys = self.queues.get(queue_name)
        if keys is None:
            raise QueueNotFound(queue_name)
        while self.run(queues.flush(keys)) > 0:
            pass

    def flush_all(self) -> None:
        """Remove all jobs of all declared queues. Meant for tests."""
        for queue_name in self.queues:
            self.flush(queue_name)

    def join(
        self, queue_name: str, *, timeout: int | None = None, interval: int = 10, fail_fast: bool = False
    ) -> None:
        """Wait until no job of the queue waits or runs. Meant for tests.

        Args:
            interval: Between two looks (ms).
            fail_fast: Raise afterwards if a job that is still kept has failed.

        Raises:
            QueueJoinTimeout: `timeout` (ms) passed first.
            QueueNotFound: The queue was never declared.
            JobFailed: Asked to fail fast, and a job has failed.
        """
        keys = self.queues.get(queue_name)
        if keys is None:
            raise QueueNotFound(queue_name)
        join(self.run, keys, timeout_ms=timeout, interval_ms=interval, fail_fast=fail_fast)


def _settings_of(client: Any) -> Mapping[str, Any]:
    """Return how a client makes its connections; a cluster's has a pool for each node."""
    pool = getattr(client, "connection_pool", None)
    settings: Mapping[str, Any] = client.get_connection_kwargs() if pool is None else pool.connection_kwargs
    return settings
