"""The members of a batch: a list on the wire, to the jobs that are submitted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bothsides.jobs import v1 as pb
from common.errors import InvalidField, InvalidFields
from common.job.model import DuplicatePolicy, JobRequest, RetryPolicy
from common.rpc.validation import validate
from scheduler import rules
from scheduler.model_rules import ModelWish
from scheduler.wire.model_wishes import wish_of
from scheduler.wire.requests import Origin, request_from_pb

_JOBS = "members.jobs.jobs"
_TEMPLATE = "members.conversations.template"
CONVERSATION_IDS = "members.conversations.conversation_ids"


@dataclass(frozen=True, slots=True)
class Asking:
    """One member as it is asked for."""

    #: Path of its job in the request, for errors.
    field: str
    request: pb.CreateJobRequest
    #: None before it has held to its rules; those of a template hold to them together.
    judged: bool


def members_from_pb(members: pb.BatchMembers) -> Iterator[Asking]:
    """Yield what is asked for, member by member.

    Raises:
        InvalidField: A template has another spec than an analysis, or names a conversation.
    """
    if members.WhichOneof("kind") == "jobs":
        for place, job in enumerate(members.jobs.jobs):
            # The request has been held to the rules of each job in it.
            yield Asking(f"{_JOBS}[{place}]", pb.CreateJobRequest(job=job), judged=True)
        return
    template = members.conversations.template
    kind = template.spec.WhichOneof("kind")
    if kind not in (None, "transcript_analysis"):
        raise InvalidField(f"{_TEMPLATE}.spec", "must be a transcript_analysis, or not be set")
    if template.spec.transcript_analysis.conversation_id:
        raise InvalidField(
            f"{_TEMPLATE}.spec.transcript_analysis.conversation_id",
            f"must be empty: {CONVERSATION_IDS} names the conversations",
        )
    request = pb.CreateJobRequest(job=template)
    for place, conversation_id in enumerate(members.conversations.conversation_ids):
        request.job.spec.transcript_analysis.conversation_id = conversation_id
        yield Asking(_TEMPLATE, request, judged=place > 0)


def member_of(
    asking: Asking, batch_id: str, origin: Origin, default_retry: RetryPolicy, now_ms: int
) -> JobRequest:
    """Return the job of a member.

    Raises:
        InvalidField: As for CreateJob, and if it has a unique key; paths are those of the batch's request.
    """
    if asking.request.job.unique_key:
        raise InvalidField(f"{asking.field}.unique_key", "must be empty: members of a batch have none")
    try:
        if not asking.judged:
            validate(asking.request)
        request = request_from_pb(asking.request, origin, default_retry)
        rules.check(request, now_ms)
    except InvalidFields as error:
        raise InvalidFields(
            [(_within(asking, field), problem) for field, problem in error.violations]
        ) from None
    except InvalidField as error:
        raise InvalidField(_within(asking, error.field), error.description) from None
    return replace(request, batch_id=batch_id, duplicate_policy=DuplicatePolicy.RUN)


def model_wish_of(asking: Asking, *, unsaid: bool) -> ModelWish | None:
    """Return what a member wants of models; None if it says nothing of them, or asks none."""
    return wish_of(asking.request.job.spec, f"{asking.field}.spec", unsaid=unsaid)


def _within(asking: Asking, field: str) -> str:
    return asking.field + field.removeprefix("job")
