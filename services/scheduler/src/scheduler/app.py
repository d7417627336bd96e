"""The scheduler put together: clients of the store, what serves on them, and the gRPC server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

import grpc.aio

from bothsides.jobs import v1 as pb
from common.content.rules import ContentAction
from common.job.ids import JobId
from common.job.model import RetryPolicy
from common.rpc.server import Server, Service
from common.settings import SchedulerSettings
from common.store.checks import check_servers_async
from common.store.clients import async_redis_client, shared_connection
from common.store.documents import ANALYSES, CONVERSATIONS, INSIGHTS
from common.store.functions import FunctionKeeper
from common.store.keys import QueueKeys, batch_keys
from common.store.operation import AsyncRunner
from scheduler.accounts import Accounts
from scheduler.batch.book import Book
from scheduler.batch.driver import Driver
from scheduler.batch.estimating import BatchEstimates
from scheduler.batch.forgetting import PlannedAbout
from scheduler.batch.hearing import Hearing
from scheduler.batch.watch import BatchWatches
from scheduler.bulk import Bulk
from scheduler.deployment import Deployment
from scheduler.documents import Documents
from scheduler.erasing import Eraser
from scheduler.estimating import Estimates
from scheduler.explaining import Explanations
from scheduler.failures import FailureGroups
from scheduler.file_sweeper import FileSweeper
from scheduler.history import History
from scheduler.jobs import Jobs
from scheduler.jobs_about import JobsAbout
from scheduler.listing import JobList
from scheduler.model_rules import ModelRules
from scheduler.paging import PageTokens
from scheduler.providers import Providers
from scheduler.queues import Queues
from scheduler.readiness import EVERY_S, StoreProbe
from scheduler.search import JobSearch
from scheduler.servicers.analysis import AnalysisServicer
from scheduler.servicers.batch import BatchServicer
from scheduler.servicers.conversation import ConversationServicer
from scheduler.servicers.job import SELF_CHECKED, JobServicer
from scheduler.servicers.many import Many
from scheduler.servicers.queue import QueueServicer
from scheduler.submission import Submission
from scheduler.sweeper import Sweeper
from scheduler.watch.facts import Facts
from scheduler.watch.feed import EventFeed
from scheduler.watch.feeds import Feeds, Watched
from scheduler.watch.inbox import MAX_EVENTS
from scheduler.watch.opening import JobsWatches
from scheduler.watch.reader import EventReader
from scheduler.watch.stream import EventStream
from scheduler.watch.subscription import MAX_WAITING, Subscription
from scheduler.watch.watch import HEARTBEAT_S, Watches
from scheduler.wire.texts import spoken_in

JOB_SERVICE: Final = "bothsides.jobs.v1.JobService"
BATCH_SERVICE: Final = "bothsides.jobs.v1.BatchService"
QUEUE_SERVICE: Final = "bothsides.jobs.v1.QueueService"
CONVERSATION_SERVICE: Final = "bothsides.jobs.v1.ConversationService"
ANALYSIS_SERVICE: Final = "bothsides.jobs.v1.AnalysisService"
SERVICES: Final = (JOB_SERVICE, BATCH_SERVICE, QUEUE_SERVICE, CONVERSATION_SERVICE, ANALYSIS_SERVICE)


class Scheduler:
    """One running scheduler. `start` it, then `stop` it; each once.

    Args:
        settings: Where it serves, and on which store.
        own_conversations: The workers read transcripts from the built-in store, so that a job on one
            that is not there can be refused at once.
        interceptors: Put around every call.
        heartbeat_s: A watch that has been silent for longer says that it is alive.
        max_waiting: Messages that may wait for one watcher of one job.
        max_events: Events that may wait for one watcher of many jobs.
        probe_s: Between two looks whether the store answers.
    """

    def __init__(
        self,
        settings: SchedulerSettings,
        *,
        own_conversations: bool = True,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
        heartbeat_s: float = HEARTBEAT_S,
        max_waiting: int = MAX_WAITING,
        max_events: int = MAX_EVENTS,
        probe_s: float = EVERY_S,
    ) -> None:
        self._settings = settings
        self._max_waiting = max_waiting
        self._client = async_redis_client(settings.store, name="bothsides-scheduler")
        namespace = settings.store.namespace
        self._shared = shared_connection(self._client)
        store = AsyncRunner(self._client, durability=settings.store.durability, shared=self._shared)
        self._deployment = Deployment(self._client, namespace, secret=settings.server.auth.secret)
        tokens = PageTokens(self._deployment)
        self._files = settings.files.open()
        jobs = Jobs(store, namespace, self._files)
        conversations = Documents(self._client, store, namespace, CONVERSATIONS, tokens)
        analyses = Documents(self._client, store, namespace, ANALYSES, tokens)
        insights = Documents(self._client, store, namespace, INSIGHTS, tokens)
        own = conversations if own_conversations else None
        submission = Submission(store, namespace, jobs, conversations=own, files=self._files)
        self._eraser = Eraser(store, namespace, kept_elsewhere=not own_conversations)
        self._facts = Facts(jobs.records)
        self._feeds = Feeds(store, namespace, self._watched)
        watches = Watches(jobs, self._feeds, heartbeat_s=heartbeat_s)
        search = JobSearch(store, namespace)
        jobs_watches = JobsWatches(
            jobs,
            search,
            self._feeds,
            self._facts,
            self._deployment,
            heartbeat_s=heartbeat_s,
            max_events=max_events,
        )
        many = Many(
            jobs_watches,
            FailureGroups(search, tokens),
            Bulk(store, jobs, search, lambda: self._feeds.closed),
        )
        retry = RetryPolicy(max_attempts=settings.jobs.retry_attempts)
        job_list = JobList(search, jobs, tokens)
        estimates = Estimates(store, namespace)
        model_rules = ModelRules(settings.models, settings.openai_model, partial(spoken_in, conversations))
        step_due = asyncio.Event()
        self._hearing = Hearing(store, namespace, step_due)
        self._driver = Driver(store, namespace, submission, step_due, self._hearing.listen)
        book = Book(store, namespace, tokens, step_due)
        batch_servicer = BatchServicer(
            book,
            BatchWatches(book, self._feeds, batch_keys(namespace).queue, heartbeat_s=heartbeat_s),
            BatchEstimates(estimates, model_rules),
            model_rules,
            retry,
            conversations=own,
        )
        job_servicer = JobServicer(
            jobs,
            submission,
            job_list,
            watches,
            Explanations(store, namespace, jobs),
            History(store, jobs, tokens),
            retry,
            many,
            estimates,
            model_rules,
        )
        self._server = Server.build(
            settings.server,
            (
                Service(JOB_SERVICE, pb.add_JobServiceServicer_to_server, job_servicer, SELF_CHECKED),
                Service(BATCH_SERVICE, pb.add_BatchServiceServicer_to_server, batch_servicer),
                Service(
                    QUEUE_SERVICE,
                    pb.add_QueueServiceServicer_to_server,
                    QueueServicer(Queues(store, namespace, tokens), Providers(store, namespace)),
                ),
                Service(
                    CONVERSATION_SERVICE,
                    pb.add_ConversationServiceServicer_to_server,
                    ConversationServicer(
                        conversations,
                        self._eraser,
                        JobsAbout(store, jobs, search, PlannedAbout(store, namespace)),
                        refuses_content=settings.content.input is ContentAction.REFUSE,
                    ),
                ),
                Service(
                    ANALYSIS_SERVICE,
                    pb.add_AnalysisServiceServicer_to_server,
                    AnalysisServicer(analyses, insights),
                ),
            ),
            interceptors=interceptors,
        )
        self._probe = StoreProbe(self._client, namespace, self._report, every_s=probe_s)
        self._sweeper = Sweeper(
            self._client,
            store,
            namespace,
            told=self._hearing.listen,
            settle=Accounts(store, namespace).settle,
        )
        self._functions = FunctionKeeper(self._client)
        self._file_sweeper = FileSweeper(store, namespace, self._files) if self._files is not None else None
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def start(self) -> int:
        """Listen, and return the port. A store that is away does not keep it from starting.

        Raises:
            ServerTooOld: The platform cannot run on the store's server.
        """
        await check_servers_async(self._client)
        port = await self._server.start()
        await self._probe.look()
        loops = (self._probe, self._sweeper, self._eraser, self._driver, self._functions)
        self._tasks = tuple(asyncio.create_task(loop.run()) for loop in loops)
        if self._file_sweeper is not None:
            self._tasks += (asyncio.create_task(self._file_sweeper.run()),)
        return port

    async def stop(self) -> None:
        """Say NOT_SERVING, end the watches, let calls in progress finish, and let go of the store."""
        self._sweeper.close()
        self._eraser.close()
        await self._driver.close()
        await self._hearing.close()
        await self._functions.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._report(False)
        self._feeds.close()
        await self._server.stop(self._settings.shutdown_ms / 1_000)
        if self._files is not None:
            self._files.close()
        if self._shared is not None:
            await self._shared.aclose()
        await self._client.aclose()

    def _watched(self, keys: QueueKeys) -> Watched:
        connect = partial(EventReader.open, self._client, keys)
        feed = EventFeed(connect, self._deployment, self._facts, subscription=self._subscription)
        return Watched(EventStream(self._client, keys), feed)

    def _subscription(self, job_id: JobId) -> Subscription:
        return Subscription(job_id, max_waiting=self._max_waiting)

    async def _report(self, serving: bool) -> None:
        for service in ("", *SERVICES):
            await self._server.report(serving=serving, service=service)
