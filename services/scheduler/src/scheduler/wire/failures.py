"""Failure groups: counted groups to `ListFailureGroupsResponse`."""

from __future__ import annotations

from bothsides.jobs import v1 as pb
from scheduler.failures import Group, GroupPage
from scheduler.wire.jobs import TYPES
from scheduler.wire.times import instant_to_pb


def group_page_to_pb(page: GroupPage) -> pb.ListFailureGroupsResponse:
    return pb.ListFailureGroupsResponse(
        groups=map(_group_to_pb, page.groups),
        next_page_token=page.next_page_token,
        scanned_count=page.scanned,
        scan_limited=page.limited,
    )


def _group_to_pb(group: Group) -> pb.FailureGroup:
    cause = group.cause
    message = pb.FailureGroup(
        reason=cause.reason,
        type=TYPES.get(cause.job_type, pb.Job.TYPE_UNSPECIFIED),
        actor=cause.actor,
        queue=cause.queue,
        job_count=group.count,
        first_time=instant_to_pb(group.first_ms),
        last_time=instant_to_pb(group.last_ms),
        message=group.message,
        suggestion=group.suggestion,
        sample_job_ids=group.samples,
        fingerprint=cause.fingerprint,
        filter=group.filter,
    )
    if cause.error_class is not None:
        message.error_class = pb.JobError.ErrorClass.Value(cause.error_class.value)
    return message
