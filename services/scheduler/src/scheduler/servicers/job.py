"""JobService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from functools import lru_cache
from typing import Final

from google.protobuf.empty_pb2 import Empty

from bothsides.jobs import v1 as pb
from common.auth.caller import current_caller
from common.errors import JobNotFound, JobsError
from common.job.model import Job, JobRequest, RetryPolicy
from common.rpc.status import status_of
from common.rpc.validation import validate
from common.telemetry.context import current_trace_id, inject, is_traced
from scheduler.amending import Amendment
from scheduler.estimating import Estimates
from scheduler.explaining import Explanations
from scheduler.history import History, PageOfJob
from scheduler.jobs import Jobs
from scheduler.listing import Extent, JobList, PageRequest
from scheduler.model_rules import ModelRules
from scheduler.servicers.context import Context, viewer
from scheduler.servicers.grouped import GroupedRequests
from scheduler.servicers.many import Many, ManyJobsServicer
from scheduler.submission import Submission
from scheduler.watch.watch import Watches
from scheduler.wire.alike import AlikeRequests
from scheduler.wire.amendments import amendment_from_pb, fields_from_pb
from scheduler.wire.estimates import estimate_to_pb
from scheduler.wire.explanations import explained_to_pb
from scheduler.wire.history import attempt_to_pb, line_to_pb
from scheduler.wire.jobs import AlikeJobs, item_to_pb, job_to_pb, snapshot_to_pb
from scheduler.wire.known import KnownRequests
from scheduler.wire.model_wishes import wish_of
from scheduler.wire.requests import Origin, request_from_pb
from scheduler.wire.specs import message_with, other_work
from scheduler.wire.updates import update_to_pb

#: Items of a CreateJobs that are read before other calls have their turn: about a millisecond.
_READ_AT_ONCE: Final = 100


#: Methods that look at the rules of the contract themselves; CreateJob does not for what is like before.
SELF_CHECKED: Final = frozenset({"CreateJob"})


class JobServicer(ManyJobsServicer):
    """Serves jobs to the caller's tenant."""

    def __init__(
        self,
        jobs: Jobs,
        submission: Submission,
        job_list: JobList,
        watches: Watches,
        explanations: Explanations,
        history: History,
        default_retry: RetryPolicy,
        many: Many,
        estimates: Estimates,
        model_rules: ModelRules,
    ) -> None:
        super().__init__(many)
        self._jobs = jobs
        self._submission = submission
        self._list = job_list
        self._watches = watches
        self._explanations = explanations
        self._history = history
        self._default_retry = default_retry
        self._created = AlikeJobs()
        known = KnownRequests(default_retry)
        self._grouped = GroupedRequests(known, submission.create_many, self._created)
        self._estimates = estimates
        self._model_rules = model_rules

    async def CreateJob(  # type: ignore[override]  # it may return its message as bytes, see Calls
        self, request: pb.CreateJobRequest, context: Context
    ) -> pb.Job | bytes:
        origin = _origin()
        created = await self._grouped.create(request, origin)
        if created is not None:
            return created
        validate(request)
        wanted = request_from_pb(request, origin, self._default_retry)
        await self._judge_models(request.job.spec, wanted.tenant)
        if request.validate_only:
            judged = job_to_pb(await self._submission.judge(wanted))
            wish = wish_of(request.job.spec, unsaid=True)
            plan = None if wish is None else await self._model_rules.plan(wish, wanted.tenant)
            judged.estimate.CopyFrom(estimate_to_pb(await self._estimates.of(wanted), plan))
            return judged
        return self._created.spell(await self._submission.create(wanted))

    async def CreateJobs(self, request: pb.CreateJobsRequest, context: Context) -> pb.CreateJobsResponse:
        """Each item as CreateJob would: a bad one costs only itself."""
        origin = _origin()
        alike = AlikeRequests(origin, self._default_retry)
        outcomes: list[Job | JobRequest | JobsError] = []
        for place, item in enumerate(request.requests):
            if place and place % _READ_AT_ONCE == 0:
                await asyncio.sleep(0)  # other calls, and what the store has answered, need not wait for all
            outcomes.append(alike.read(item) or await self._judged(item, origin))
        requests = [outcome for outcome in outcomes if isinstance(outcome, JobRequest)]
        created = iter(await self._submission.create_many(requests))
        alike_jobs = AlikeJobs(item_to_pb)
        items = [
            _item(next(created) if isinstance(outcome, JobRequest) else outcome, alike_jobs)
            for outcome in outcomes
        ]
        return pb.CreateJobsResponse.FromString(b"".join(items))

    async def _judged(self, item: pb.CreateJobRequest, origin: Origin) -> JobRequest | Job | JobsError:
        """Look at an item and read it by itself."""
        try:
            validate(item)
            wanted = request_from_pb(item, origin, self._default_retry)
            await self._judge_models(item.job.spec, wanted.tenant)
            return await self._submission.judge(wanted) if item.validate_only else wanted
        except JobsError as error:
            return error

    async def _judge_models(self, spec: pb.JobSpec, tenant: str, field: str = "job.spec") -> None:
        wish = wish_of(spec, field)
        if wish is not None:
            await self._model_rules.judge(wish, tenant)

    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> pb.Job:
        caller, full = viewer(request.view)
        snapshot = await self._jobs.get(request.job_id, caller.tenant, full=full)
        return snapshot_to_pb(snapshot, full=full)

    async def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> pb.ListJobsResponse:
        caller, full = viewer(request.view)
        wanted = PageRequest(request.filter, request.page_size, request.page_token)
        if full:
            full_page = await self._list.full_page(caller, wanted)
            shown = [snapshot_to_pb(snapshot, full=True) for snapshot in full_page.snapshots]
            return _listed(shown, full_page.extent)
        page = await self._list.page(caller, wanted)
        return _listed(map(job_to_pb, page.jobs), page.extent)

    async def WatchJob(
        self, request: pb.WatchJobRequest, context: Context
    ) -> AsyncIterator[pb.WatchJobResponse]:
        caller, full = viewer(request.view)
        updates = self._watches.watch(
            request.job_id, caller.tenant, resume_token=request.resume_token, full=full
        )
        async with aclosing(updates):
            async for update in updates:
                yield update_to_pb(update, full=full)

    async def ExplainJob(self, request: pb.ExplainJobRequest, context: Context) -> pb.ExplainJobResponse:
        return explained_to_pb(await self._explanations.explain(request.job_id, current_caller().tenant))

    async def UpdateJob(self, request: pb.UpdateJobRequest, context: Context) -> pb.Job:
        fields = fields_from_pb(request)

        def change(job: Job) -> Amendment:
            return amendment_from_pb(request, fields, job, self._default_retry)

        tenant, asked = current_caller().tenant, request.job
        return job_to_pb(await self._jobs.update(asked.job_id, tenant, fields, change, etag=asked.etag))

    async def CancelJob(self, request: pb.CancelJobRequest, context: Context) -> pb.Job:
        return job_to_pb(await self._jobs.cancel(request.job_id, current_caller().tenant))

    async def RetryJob(self, request: pb.RetryJobRequest, context: Context) -> pb.Job:
        tenant, payload = current_caller().tenant, b""
        if request.HasField("spec"):
            await self._judge_models(request.spec, tenant, "spec")
            present = await self._jobs.get_unfiled(request.job_id, tenant, full=True)
            payload = message_with(present.payload, other_work(request.spec, present.job), present.job)
        return job_to_pb(await self._jobs.retry(request.job_id, tenant, payload))

    async def DeleteJob(self, request: pb.DeleteJobRequest, context: Context) -> Empty:
        try:
            await self._jobs.delete(request.job_id, current_caller().tenant)
        except JobNotFound:
            if not request.allow_missing:
                raise
        return Empty()

    async def ListAttempts(
        self, request: pb.ListAttemptsRequest, context: Context
    ) -> pb.ListAttemptsResponse:
        asked = PageOfJob(request.job_id, request.page_size, request.page_token)
        job, page, next_page_token = await self._history.attempts(current_caller().tenant, asked)
        shown = [attempt_to_pb(record, job) for record in page]
        return pb.ListAttemptsResponse(attempts=shown, next_page_token=next_page_token)

    async def ListJobLogs(self, request: pb.ListJobLogsRequest, context: Context) -> pb.ListJobLogsResponse:
        asked = PageOfJob(request.job_id, request.page_size, request.page_token)
        page, next_page_token = await self._history.logs(current_caller().tenant, asked)
        return pb.ListJobLogsResponse(entries=map(line_to_pb, page), next_page_token=next_page_token)


def _origin() -> Origin:
    tenant = current_caller().tenant
    return Origin(tenant, current_trace_id() or "", inject()) if is_traced() else _untraced(tenant)


@lru_cache(maxsize=256)
def _untraced(tenant: str) -> Origin:
    return Origin(tenant)


def _listed(shown: Iterable[pb.Job], extent: Extent) -> pb.ListJobsResponse:
    return pb.ListJobsResponse(
        jobs=shown,
        next_page_token=extent.next_page_token,
        scanned_count=extent.scanned,
        scan_limited=extent.limited,
    )


def _item(outcome: Job | JobsError, alike: AlikeJobs) -> bytes:
    """Return a response of one item, as bytes."""
    if not isinstance(outcome, JobsError):
        return alike.spell(outcome)
    response = pb.CreateJobsResponse()
    response.items.add().error.CopyFrom(status_of(outcome))
    return response.SerializeToString()
