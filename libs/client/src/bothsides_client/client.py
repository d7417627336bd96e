"""The typed client of the scheduler and the monitor: one method a call, protobuf in and out.

Synchronous and safe to share between threads. It fills in request ids, repeats what is safe to repeat,
resumes watches, turns pages, and raises the errors of `errors`; it refuses to keep any state of its own
beyond its two channels, which connect on first use.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar

import grpc

from bothsides.jobs import v1 as pb
from bothsides_client.addresses import DEFAULT_MONITOR_ADDR, DEFAULT_SCHEDULER_ADDR
from bothsides_client.channel import open_channel
from bothsides_client.errors import RequestFailed
from bothsides_client.statuses import error_from_call, error_from_status
from bothsides_client.watch import Reconnect, Stream, watch_for_ever, watch_job

Response = TypeVar("Response")


class Page(Protocol):
    """A list's response."""

    @property
    def next_page_token(self) -> str: ...


PageOf = TypeVar("PageOf", bound=Page)

#: Most items that one CreateJobs takes.
BULK_LIMIT: Final = 1_000


class Client:
    """Calls of JobService, ConversationService, AnalysisService and MonitorService.

    Args:
        scheduler_addr: "host:port" of the scheduler.
        monitor_addr: "host:port" of the monitor.
        token: Bearer token, sent with every call. Use it with `credentials`, unless the network is trusted.
        credentials: TLS for both channels; None for plain connections.
        timeout_s: Bound of every call but the watches, its retries included.
        reconnect: How watches wait before they connect again.
        channel: Used for every service instead of opening channels; the caller keeps and closes it.
    """

    def __init__(
        self,
        scheduler_addr: str = DEFAULT_SCHEDULER_ADDR,
        monitor_addr: str = DEFAULT_MONITOR_ADDR,
        *,
        token: str | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        timeout_s: float = 10.0,
        reconnect: Reconnect | None = None,
        channel: grpc.Channel | None = None,
    ) -> None:
        scheduler = channel or open_channel(scheduler_addr, credentials)
        monitor = channel or open_channel(monitor_addr, credentials)
        self._own_channels = () if channel else (scheduler, monitor)
        self._jobs = pb.JobServiceStub(scheduler)
        self._conversations = pb.ConversationServiceStub(scheduler)
        self._analyses = pb.AnalysisServiceStub(scheduler)
        self._monitor = pb.MonitorServiceStub(monitor)
        self._scheduler_peer = f"scheduler at {scheduler_addr}"
        self._monitor_peer = f"monitor at {monitor_addr}"
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._timeout_s = timeout_s
        self._reconnect = reconnect or Reconnect()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the channels that this client opened; calls in flight end with `Cancelled`."""
        for channel in self._own_channels:
            channel.close()

    def create_job(
        self, job: pb.Job, request_id: str | None = None, *, validate_only: bool = False
    ) -> pb.Job:
        """Create one job; with the same request id it is created once, however often this is called."""
        request = pb.CreateJobRequest(
            job=job, request_id=request_id or new_request_id(), validate_only=validate_only
        )
        return self._call(self._jobs.CreateJob, request, self._scheduler_peer)

    def create_jobs(
        self, jobs: Sequence[pb.Job], request_ids: Sequence[str] | None = None
    ) -> list[pb.Job | RequestFailed]:
        """Create many jobs; the outcome at each place is the job, or the error that it alone met.

        Sent in calls of at most 1,000 items. If a call fails as a whole the error is raised; repeating
        with the same request ids creates nothing twice.

        Raises:
            ValueError: There are not as many request ids as jobs.
        """
        ids = [new_request_id() for _ in jobs] if request_ids is None else request_ids
        requests = [
            pb.CreateJobRequest(job=job, request_id=request_id)
            for job, request_id in zip(jobs, ids, strict=True)
        ]
        outcomes: list[pb.Job | RequestFailed] = []
        for first in range(0, len(requests), BULK_LIMIT):
            request = pb.CreateJobsRequest(requests=requests[first : first + BULK_LIMIT])
            response = self._call(self._jobs.CreateJobs, request, self._scheduler_peer)
            for item in response.items:
                outcomes.append(error_from_status(item.error) if item.HasField("error") else item.job)
        return outcomes

    def get_job(self, job_id: str, *, full: bool = False) -> pb.Job:
        """Return the job; `full` adds its arguments, result and partial results."""
        return self._call(
            self._jobs.GetJob, pb.GetJobRequest(job_id=job_id, view=_view(full)), self._scheduler_peer
        )

    def list_jobs(self, filter: str = "", *, full: bool = False, page_size: int = 0) -> Iterator[pb.Job]:  # noqa: A002 - the field's name
        """Yield the jobs that match the AIP-160 filter, newest first, reading pages as they are needed."""
        request = pb.ListJobsRequest(filter=filter, view=_view(full), page_size=page_size)
        for page in self._pages(self._jobs.ListJobs, request):
            yield from page.jobs

    def watch_job(
        self, job_id: str, *, full: bool = False, resume_token: str | None = None
    ) -> Iterator[pb.WatchJobResponse]:
        """Yield what happens to the job until it is final, across lost connections.

        The last message is the snapshot with the final state. To go on later, pass the `resume_token`
        of the last message that was read.
        """

        def open_stream(token: str) -> Stream[pb.WatchJobResponse]:
            request = pb.WatchJobRequest(job_id=job_id, resume_token=token, view=_view(full))
            return self._jobs.WatchJob(request, metadata=self._metadata)

        return watch_job(
            open_stream,
            resume_token=resume_token or "",
            reconnect=self._reconnect,
            peer=self._scheduler_peer,
        )

    def cancel_job(self, job_id: str) -> pb.Job:
        """Ask the job to stop; repeating it is harmless."""
        return self._call(self._jobs.CancelJob, pb.CancelJobRequest(job_id=job_id), self._scheduler_peer)

    def retry_job(self, job_id: str) -> pb.Job:
        """Start a FAILED, CANCELLED or EXPIRED job anew."""
        return self._call(self._jobs.RetryJob, pb.RetryJobRequest(job_id=job_id), self._scheduler_peer)

    def put_conversation(self, conversation: pb.Conversation) -> pb.Conversation:
        """Create or replace the conversation."""
        request = pb.PutConversationRequest(conversation=conversation)
        return self._call(self._conversations.PutConversation, request, self._scheduler_peer)

    def get_conversation(self, conversation_id: str) -> pb.Conversation:
        """Return the conversation with its turns."""
        request = pb.GetConversationRequest(conversation_id=conversation_id)
        return self._call(self._conversations.GetConversation, request, self._scheduler_peer)

    def list_conversations(self, *, page_size: int = 0) -> Iterator[pb.Conversation]:
        """Yield the conversations without their turns, newest first."""
        request = pb.ListConversationsRequest(page_size=page_size)
        for page in self._pages(self._conversations.ListConversations, request):
            yield from page.conversations

    def get_analysis(self, conversation_id: str) -> pb.Analysis:
        """Return the latest kept analysis of the conversation."""
        request = pb.GetAnalysisRequest(conversation_id=conversation_id)
        return self._call(self._analyses.GetAnalysis, request, self._scheduler_peer)

    def list_analyses(self, *, page_size: int = 0) -> Iterator[pb.Analysis]:
        """Yield the kept analyses without their results, newest first."""
        request = pb.ListAnalysesRequest(page_size=page_size)
        for page in self._pages(self._analyses.ListAnalyses, request):
            yield from page.analyses

    def health(self) -> pb.Health:
        """Return the present health."""
        return self._call(self._monitor.GetHealth, pb.GetHealthRequest(), self._monitor_peer)

    def watch_health(self) -> Iterator[pb.Health]:
        """Yield the health now, at every change, and after 15 s of silence, until the caller stops."""
        return watch_for_ever(
            lambda: self._monitor.WatchHealth(pb.WatchHealthRequest(), metadata=self._metadata),
            reconnect=self._reconnect,
            peer=self._monitor_peer,
        )

    def queue_stats(self, queue: str = "") -> list[pb.QueueStats]:
        """Return the statistics of the queue, or of all."""
        request = pb.ListQueueStatsRequest(queue=queue)
        return list(self._call(self._monitor.ListQueueStats, request, self._monitor_peer).queues)

    def workers(self) -> list[pb.Worker]:
        """Return the workers that reported lately."""
        return list(
            self._call(self._monitor.ListWorkers, pb.ListWorkersRequest(), self._monitor_peer).workers
        )

    def _pages(self, method: Callable[..., PageOf], request: Any) -> Iterator[PageOf]:
        """Yield the pages of a list, each read when it is needed (AIP-158)."""
        while True:
            page = self._call(method, request, self._scheduler_peer)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _call(self, method: Callable[..., Response], request: Any, peer: str) -> Response:
        try:
            return method(request, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise error_from_call(error, peer=peer) from error


def new_request_id() -> str:
    """Return an id that no other request has, to make a create safe to repeat."""
    return str(uuid.uuid4())


def _view(full: bool) -> pb.JobView.ValueType:
    return pb.JOB_VIEW_FULL if full else pb.JOB_VIEW_BASIC
