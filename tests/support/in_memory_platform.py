"""An in-memory stand-in for the scheduler and the monitor, on a real port, for tests of the client.

It keeps conversations and jobs in dictionaries, and moves a job to its end while it is watched. It writes
down every call, and refuses as many calls of a method as it is told to. It decides nothing that the services
decide; their own tests are elsewhere.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import status_pb2

from bothsides.jobs import v1 as pb
from support.replies import reason, status, trailers
from support.unwritten import UnwrittenJobs

_OPTIONS = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 16 * 1024 * 1024)]
NOW = Timestamp(seconds=1_790_000_000)


@dataclass
class Platform:
    """What the server holds, and what was asked of it."""

    conversations: dict[str, pb.Conversation] = field(default_factory=dict)
    jobs: dict[str, pb.Job] = field(default_factory=dict)
    analyses: dict[str, pb.Analysis] = field(default_factory=dict)
    insights: dict[str, pb.Insights] = field(default_factory=dict)
    health: pb.Health = field(default_factory=lambda: pb.Health(status=pb.Health.HEALTHY, read_time=NOW))
    queues: list[pb.QueueStats] = field(default_factory=list)
    workers: list[pb.Worker] = field(default_factory=list)
    #: What a watch sends between its first snapshot and the end.
    events: list[pb.WatchJobResponse] = field(default_factory=list)
    #: How watched jobs end.
    ending: pb.Job = field(default_factory=lambda: pb.Job(state=pb.Job.SUCCEEDED))
    #: Held open by watches before their end; set it to let them end.
    may_end: threading.Event = field(default_factory=threading.Event)
    #: Methods that do not answer until `may_end`.
    held: set[str] = field(default_factory=set)
    #: Requests by method, in order.
    calls: defaultdict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    #: Metadata of the last call.
    metadata: dict[str, str | bytes] = field(default_factory=dict)
    #: Answers by method that come instead of the next results.
    refusals: defaultdict[str, list[status_pb2.Status]] = field(default_factory=lambda: defaultdict(list))

    def refuse(self, method: str, answer: status_pb2.Status, *, times: int = 1) -> None:
        """Answer the next calls of the method with an error."""
        self.refusals[method].extend([answer] * times)

    def enter(self, method: str, request: Any, context: grpc.ServicerContext) -> None:
        """Write the call down, and end it if it is to be refused."""
        self.calls[method].append(request)
        self.metadata = dict(context.invocation_metadata())
        if method in self.held:
            self.may_end.wait(timeout=60)
        if self.refusals[method]:
            stop(context, self.refusals[method].pop(0))


def stop(context: grpc.ServicerContext, answer: status_pb2.Status) -> None:
    """End the call with the status and its details."""
    code = next(code for code in grpc.StatusCode if code.value[0] == answer.code)
    context.set_trailing_metadata(trailers(answer))
    context.abort(code, answer.message)


class Jobs(UnwrittenJobs):
    """Jobs of the platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def CreateJob(self, request: pb.CreateJobRequest, context: grpc.ServicerContext) -> pb.Job:
        self._platform.enter("CreateJob", request, context)
        return self._create(request)

    def CreateJobs(
        self, request: pb.CreateJobsRequest, context: grpc.ServicerContext
    ) -> pb.CreateJobsResponse:
        self._platform.enter("CreateJobs", request, context)
        items = [
            pb.CreateJobsResponse.Item(job=self._create(each))
            if each.job.HasField("spec")
            else pb.CreateJobsResponse.Item(
                error=status(
                    grpc.StatusCode.INVALID_ARGUMENT, "job.spec: is required", reason("FIELD_INVALID")
                )
            )
            for each in request.requests
        ]
        return pb.CreateJobsResponse(items=items)

    def GetJob(self, request: pb.GetJobRequest, context: grpc.ServicerContext) -> pb.Job:
        self._platform.enter("GetJob", request, context)
        return self._job(request.job_id, context)

    def ListJobs(self, request: pb.ListJobsRequest, context: grpc.ServicerContext) -> pb.ListJobsResponse:
        self._platform.enter("ListJobs", request, context)
        jobs, token = page(list(self._platform.jobs.values()), request.page_token, request.page_size)
        return pb.ListJobsResponse(jobs=jobs, next_page_token=token)

    def WatchJob(
        self, request: pb.WatchJobRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchJobResponse]:
        self._platform.enter("WatchJob", request, context)
        job = self._job(request.job_id, context)
        messages = [pb.WatchJobResponse(snapshot=job), *self._platform.events]
        begin = int(request.resume_token or 0)
        for number, message in enumerate(messages[begin:], begin + 1):
            message.resume_token = str(number)
            yield message
        self._platform.may_end.wait(timeout=60)
        ending = pb.Job()
        ending.CopyFrom(self._platform.ending)
        ending.job_id, ending.conversation_id = job.job_id, job.conversation_id
        change = pb.WatchJobResponse.StateChange(state=ending.state)
        yield pb.WatchJobResponse(state_change=change, resume_token=str(len(messages) + 1))
        yield pb.WatchJobResponse(snapshot=ending, resume_token=str(len(messages) + 2))

    def CancelJob(self, request: pb.CancelJobRequest, context: grpc.ServicerContext) -> pb.Job:
        self._platform.enter("CancelJob", request, context)
        job = self._job(request.job_id, context)
        job.state = pb.Job.CANCELLED
        return job

    def RetryJob(self, request: pb.RetryJobRequest, context: grpc.ServicerContext) -> pb.Job:
        self._platform.enter("RetryJob", request, context)
        job = self._job(request.job_id, context)
        job.state = pb.Job.PENDING
        return job

    def _create(self, request: pb.CreateJobRequest) -> pb.Job:
        job = pb.Job()
        job.CopyFrom(request.job)
        job.job_id = f"ai-{len(self._platform.jobs) + 1}"
        job.state, job.type, job.queue = pb.Job.PENDING, pb.Job.TRANSCRIPT_ANALYSIS, "ai_analysis"
        job.conversation_id = job.spec.transcript_analysis.conversation_id
        job.create_time.CopyFrom(NOW)
        self._platform.jobs[job.job_id] = job
        return job

    def _job(self, job_id: str, context: grpc.ServicerContext) -> pb.Job:
        if job_id not in self._platform.jobs:
            stop(context, status(grpc.StatusCode.NOT_FOUND, f"no job {job_id!r}", reason("JOB_NOT_FOUND")))
        return self._platform.jobs[job_id]


class Conversations(pb.ConversationServiceServicer):
    """Conversations of the platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def PutConversation(
        self, request: pb.PutConversationRequest, context: grpc.ServicerContext
    ) -> pb.Conversation:
        self._platform.enter("PutConversation", request, context)
        self._platform.conversations[request.conversation.conversation_id] = request.conversation
        return request.conversation

    def GetConversation(
        self, request: pb.GetConversationRequest, context: grpc.ServicerContext
    ) -> pb.Conversation:
        self._platform.enter("GetConversation", request, context)
        found = self._platform.conversations.get(request.conversation_id)
        if found is None:
            stop(context, status(grpc.StatusCode.NOT_FOUND, "no such conversation"))
        return found or pb.Conversation()

    def ListConversations(
        self, request: pb.ListConversationsRequest, context: grpc.ServicerContext
    ) -> pb.ListConversationsResponse:
        self._platform.enter("ListConversations", request, context)
        found, token = page(
            list(self._platform.conversations.values()), request.page_token, request.page_size
        )
        return pb.ListConversationsResponse(conversations=found, next_page_token=token)

    def DeleteConversation(
        self, request: pb.DeleteConversationRequest, context: grpc.ServicerContext
    ) -> pb.DeleteConversationResponse:
        self._platform.enter("DeleteConversation", request, context)
        found = self._platform.conversations.pop(request.conversation_id, None)
        if found is None and not request.allow_missing:
            stop(context, status(grpc.StatusCode.NOT_FOUND, "no such conversation"))
        analysed = self._platform.analyses.pop(request.conversation_id, None) is not None
        jobs = 3 if request.delete_jobs else 0
        return pb.DeleteConversationResponse(
            answer_count=2, analysis_deleted=analysed, job_count=jobs, ending_job_count=jobs // 2
        )


class Analyses(pb.AnalysisServiceServicer):
    """Kept analyses of the platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def GetAnalysis(self, request: pb.GetAnalysisRequest, context: grpc.ServicerContext) -> pb.Analysis:
        self._platform.enter("GetAnalysis", request, context)
        found = self._platform.analyses.get(request.conversation_id)
        if found is None:
            stop(context, status(grpc.StatusCode.NOT_FOUND, "no analysis", reason("ANALYSIS_NOT_FOUND")))
        return found or pb.Analysis()

    def ListAnalyses(
        self, request: pb.ListAnalysesRequest, context: grpc.ServicerContext
    ) -> pb.ListAnalysesResponse:
        self._platform.enter("ListAnalyses", request, context)
        found, token = page(list(self._platform.analyses.values()), request.page_token, request.page_size)
        return pb.ListAnalysesResponse(analyses=found, next_page_token=token)

    def GetInsights(self, request: pb.GetInsightsRequest, context: grpc.ServicerContext) -> pb.Insights:
        self._platform.enter("GetInsights", request, context)
        found = self._platform.insights.get(request.participant_id)
        if found is None:
            stop(context, status(grpc.StatusCode.NOT_FOUND, "no insights", reason("INSIGHTS_NOT_FOUND")))
        return found or pb.Insights()


class Monitor(pb.MonitorServiceServicer):
    """Health and statistics of the platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def GetHealth(self, request: pb.GetHealthRequest, context: grpc.ServicerContext) -> pb.Health:
        self._platform.enter("GetHealth", request, context)
        return self._platform.health

    def WatchHealth(
        self, request: pb.WatchHealthRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.Health]:
        self._platform.enter("WatchHealth", request, context)
        yield self._platform.health
        self._platform.may_end.wait(timeout=60)

    def ListQueueStats(
        self, request: pb.ListQueueStatsRequest, context: grpc.ServicerContext
    ) -> pb.ListQueueStatsResponse:
        self._platform.enter("ListQueueStats", request, context)
        return pb.ListQueueStatsResponse(queues=self._platform.queues, read_time=NOW)

    def ListWorkers(
        self, request: pb.ListWorkersRequest, context: grpc.ServicerContext
    ) -> pb.ListWorkersResponse:
        self._platform.enter("ListWorkers", request, context)
        return pb.ListWorkersResponse(workers=self._platform.workers, read_time=NOW)


class PlatformServer:
    """Serves a platform on a real port while it is entered; may be stopped and started again there."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.address = ""
        self._server: grpc.Server | None = None

    def __enter__(self) -> PlatformServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.platform.may_end.set()
        self.stop()

    def start(self) -> None:
        """Serve, on the same port as before if there was one."""
        server = grpc.server(ThreadPoolExecutor(8), options=_OPTIONS)
        pb.add_JobServiceServicer_to_server(Jobs(self.platform), server)
        pb.add_ConversationServiceServicer_to_server(Conversations(self.platform), server)
        pb.add_AnalysisServiceServicer_to_server(Analyses(self.platform), server)
        pb.add_MonitorServiceServicer_to_server(Monitor(self.platform), server)
        port = server.add_insecure_port(self.address or "127.0.0.1:0")
        self.address = f"127.0.0.1:{port}"
        server.start()
        self._server = server

    def stop(self) -> None:
        """Stop at once: calls in flight are cut off."""
        if self._server is not None:
            self._server.stop(grace=None).wait()
            self._server = None


def page(items: Sequence[Any], token: str, size: int) -> tuple[Sequence[Any], str]:
    """Return the page that begins at the token (an index), and the next token."""
    first, size = int(token or 0), size or 50
    return items[first : first + size], str(first + size) if first + size < len(items) else ""
