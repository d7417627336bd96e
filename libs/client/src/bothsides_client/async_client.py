"""The client for an event loop: the calls of `Client`, awaited or iterated with `async for`.

Make it inside the loop that uses it. Every decision is made by the same code as for `Client`; only calling
and waiting differ.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import TypeVar

import grpc
import grpc.aio

from bothsides_client.call import Bulk, Call, Pages, Steps, Stream, Wait, Watch
from bothsides_client.calls import batches, bulk, conversations, jobs, monitoring, providers, queues, watches
from bothsides_client.channel import is_repeatable
from bothsides_client.connection import Connection, Options, method
from bothsides_client.errors import RequestFailed
from bothsides_client.retry import Attempts
from bothsides_client.statuses import error_from_call
from bothsides_client.watch import Following

R = TypeVar("R")
M = TypeVar("M")


class AsyncClient(Connection[grpc.aio.Channel]):
    """Calls of the scheduler (jobs, batches, queues, conversations, analyses) and of the monitor."""

    #: How it waits between attempts.
    sleep: Callable[[float], Awaitable[None]] = staticmethod(asyncio.sleep)
    #: Its clock, in seconds.
    now_s: Callable[[], float] = staticmethod(time.monotonic)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the channels that this client opened; calls in flight are cancelled."""
        self._closed = True
        for channel in self._own_channels:
            await channel.close()

    @staticmethod
    def _open(target: str, credentials: grpc.ChannelCredentials | None, options: Options) -> grpc.aio.Channel:
        if credentials is None:
            return grpc.aio.insecure_channel(target, options=options)
        return grpc.aio.secure_channel(target, credentials, options=options)

    async def _call(self, call: Call[R]) -> R:
        attempts = Attempts(
            repeatable=is_repeatable(call.service, call.method),
            timeout_s=self._timeout_s,
            reconnect=self._reconnect,
            now_s=self.now_s,
        )
        while True:
            make = self._method(call.service, call.method)
            try:
                answer = await make(call.request, timeout=attempts.left_s(), metadata=self._metadata())
            except grpc.RpcError as error:
                failed = error_from_call(error, peer=self._peers[call.service])
                failed.__cause__ = error
            else:
                return call.read(answer)
            await self.sleep(attempts.pause_s(failed))

    async def _list(self, pages: Pages[M]) -> AsyncIterator[M]:
        rest: Pages[M] | None = pages
        while rest is not None:
            page = await self._call(rest.call)
            for item in rest.items(page):
                yield item
            rest = rest.after(page)

    async def _watch(self, watch: Watch[M], timeout_s: float | None = None) -> AsyncIterator[M]:
        following = Following(
            watch,
            reconnect=self._reconnect,
            peer=self._peers[watch.service],
            now_s=self.now_s,
            timeout_s=timeout_s,
        )
        while True:
            make = self._method(watch.service, watch.method)
            stream = make(following.request(), timeout=following.left_s(), metadata=self._metadata())
            try:
                async for message in stream:
                    for seen in following.take(message):
                        yield seen
                        following.handed_on()
                    if following.is_over:
                        return
                ending = following.closed_early()
            except grpc.RpcError as error:
                ending = error_from_call(error, peer=self._peers[watch.service])
                ending.__cause__ = error
            finally:
                stream.cancel()  # harmless when it has ended; frees the server when the reader left
            await self.sleep(following.pause_s(ending))

    async def _stream(self, stream: Stream[M]) -> AsyncIterator[M]:
        make = self._method(stream.service, stream.method)
        answers = make(stream.request, metadata=self._metadata())
        try:
            async for message in answers:
                yield stream.read(message)
        except grpc.RpcError as error:
            raise error_from_call(error, peer=self._peers[stream.service]) from error
        finally:
            answers.cancel()

    async def _wait(self, wait: Wait[R]) -> R:
        messages = [None]
        async for messages[0] in self._watch(wait.watch, wait.timeout_s):
            pass  # only the last is wanted
        return wait.read(messages[0])

    async def _bulk(self, bulk: Bulk[R]) -> list[R]:
        outcomes: list[R] = []
        ended: RequestFailed | None = None
        for call in bulk.calls():
            if ended is None:
                try:
                    answer = await self._call(call)
                except RequestFailed as error:
                    ended = error
                else:
                    outcomes.extend(answer)
                    continue
            outcomes.extend(bulk.failed(call, ended))
        return outcomes

    async def _steps(self, steps: Steps[R]) -> R:
        walk = steps.calls()
        try:
            call = next(walk)
            while True:
                call = walk.send(await self._call(call))
        except StopIteration as ended:
            outcome: R = ended.value
            return outcome

    create_job = method(_call, jobs.create_job)
    create_jobs = method(_bulk, bulk.create_jobs)
    get_job = method(_call, jobs.get_job)
    list_jobs = method(_list, jobs.list_jobs)
    watch_job = method(_watch, watches.watch_job)
    watch_jobs = method(_watch, watches.watch_jobs)
    wait_for_job = method(_wait, watches.wait_for_job)
    wait_for_result = method(_wait, watches.wait_for_result)
    explain_job = method(_call, jobs.explain_job)
    update_job = method(_call, jobs.update_job)
    cancel_job = method(_call, jobs.cancel_job)
    retry_job = method(_call, jobs.retry_job)
    delete_job = method(_call, jobs.delete_job)
    list_attempts = method(_list, jobs.list_attempts)
    list_job_logs = method(_list, jobs.list_job_logs)
    list_failure_groups = method(_list, bulk.list_failure_groups)
    bulk_cancel_jobs = method(_stream, bulk.bulk_cancel_jobs)
    bulk_retry_jobs = method(_stream, bulk.bulk_retry_jobs)

    create_batch = method(_steps, batches.create_batch)
    add_batch_members = method(_call, batches.add_batch_members)
    get_batch = method(_call, batches.get_batch)
    list_batches = method(_list, batches.list_batches)
    cancel_batch = method(_call, batches.cancel_batch)
    retry_batch = method(_call, batches.retry_batch)
    delete_batch = method(_call, batches.delete_batch)
    watch_batch = method(_watch, batches.watch_batch)
    wait_for_batch = method(_wait, batches.wait_for_batch)

    get_queue = method(_call, queues.get_queue)
    list_queues = method(_list, queues.list_queues)
    update_queue = method(_call, queues.update_queue)
    pause_queue = method(_call, queues.pause_queue)
    resume_queue = method(_call, queues.resume_queue)
    drain_queue = method(_call, queues.drain_queue)

    list_provider_limits = method(_call, providers.list_provider_limits)
    get_provider_limits = method(_call, providers.get_provider_limits)
    update_provider_limits = method(_call, providers.update_provider_limits)
    list_circuits = method(_call, providers.list_circuits)
    reset_circuit = method(_call, providers.reset_circuit)
    get_budgets = method(_call, providers.get_budgets)
    update_budgets = method(_call, providers.update_budgets)

    put_conversation = method(_call, conversations.put_conversation)
    get_conversation = method(_call, conversations.get_conversation)
    list_conversations = method(_list, conversations.list_conversations)
    delete_conversation = method(_call, conversations.delete_conversation)
    get_analysis = method(_call, conversations.get_analysis)
    get_insights = method(_call, conversations.get_insights)
    list_analyses = method(_list, conversations.list_analyses)

    health = method(_call, monitoring.health)
    watch_health = method(_watch, monitoring.watch_health)
    queue_stats = method(_call, monitoring.queue_stats)
    workers = method(_call, monitoring.workers)
