"""Reading requests that come by the hundred: most differ by arguments, labels and request ids alone.

What is left of a request without these is its *form*. A form is looked at by the rules of the contract and
read once, for all requests that have it. A request that is unusual is left to who reads it by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from typing import Final

from bothsides.jobs import v1 as pb
from common.errors import InvalidField, JobsError
from common.job.digest import request_digest
from common.job.ids import new_job_ids
from common.job.model import NO_LABELS, JobRequest, RetryPolicy
from common.rpc.glance import field_check
from common.rpc.validation import validate
from scheduler.wire.requests import Origin, request_from_pb, unread_fields
from scheduler.wire.specs import MessageFrame, work_from_pb
from scheduler.wire.values import list_from_pb, object_from_pb

#: So many forms may be new before it is asked whether there is any likeness.
_FORMS_AT_FIRST: Final = 16
#: Forms of one reader; requests of any other are unusual to it.
_MOST_FORMS: Final = 128
_REQUEST_ID_FOLLOWS: Final = field_check(pb.CreateJobRequest.DESCRIPTOR, "request_id")
_ARGS_FOLLOW: Final = field_check(pb.GenericSpec.DESCRIPTOR, "args")
_KWARGS_FOLLOW: Final = field_check(pb.GenericSpec.DESCRIPTOR, "kwargs")
#: Takes all fields by their places, which costs half of what their names do.
_made: Final[Callable[..., JobRequest]] = JobRequest
_LABELS_FOLLOW: Final = field_check(pb.Job.DESCRIPTOR, "labels")
_FIELDS: Final = tuple(part.name for part in fields(JobRequest))
_PAYLOAD: Final = _FIELDS.index("payload")
_LABELS: Final = _FIELDS.index("labels")
#: Between the two stands the id of the trace.
_REQUEST_ID: Final = _LABELS + 2


class AlikeRequests:
    """Reads requests for generic jobs, all of one tenant, and all in traces or all in none.

    Args:
        origin: Who asks, if no other origin is given with a request.
    """

    def __init__(self, origin: Origin, default_retry: RetryPolicy) -> None:
        self._origin = origin
        self._default_retry = default_retry
        self._forms: dict[bytes, _Form | None] = {}
        self._seen = 0

    def read(self, request: pb.CreateJobRequest, origin: Origin | None = None) -> JobRequest | None:
        """Return the job to submit, under a new id, as request_from_pb would.

        None if the request has to be looked at and read by itself; it is then as it was. Otherwise what was
        read is taken out of it.
        """
        job = request.job
        spec = job.spec
        if not spec.HasField("generic") or 2 * len(self._forms) > self._seen + _FORMS_AT_FIRST:
            return None
        self._seen += 1
        generic, request_id = spec.generic, request.request_id
        given, named = generic.args, generic.kwargs if generic.HasField("kwargs") else None
        if not _REQUEST_ID_FOLLOWS(request_id) or not _ARGS_FOLLOW(given):
            return None
        if named is not None and not _KWARGS_FOLLOW(named):
            return None
        labels = dict(job.labels) if job.labels else NO_LABELS
        if labels and not _LABELS_FOLLOW(labels):
            return None
        try:
            args = list_from_pb(given, "")
            kwargs = {} if named is None else object_from_pb(named, "")
        except InvalidField:
            return None
        asked = job.SerializeToString(deterministic=True)
        request.ClearField("request_id")
        generic.ClearField("args")
        generic.ClearField("kwargs")
        job.ClearField("labels")
        key = request.SerializeToString()
        form = self._forms[key] if key in self._forms else self._learn(key, request)
        if form is None:
            job.ParseFromString(asked)
            request.request_id = request_id
            return None
        if origin is None:
            origin = self._origin
        job_id = next(form.ids)
        digest = request_digest(asked) if request_id else ""
        return _made(
            job_id,
            *form.to_payload,
            form.frame.message(args, kwargs, job_id, origin.trace_context),
            *form.to_labels,
            labels,
            origin.trace_id,
            request_id,
            digest,
            *form.rest,
        )

    def _learn(self, key: bytes, bare: pb.CreateJobRequest) -> _Form | None:
        """Return the form of a request without what is its own; None for one that is unusual."""
        if len(self._forms) >= _MOST_FORMS:
            return None
        form = None
        if not bare.validate_only and not unread_fields(bare.job):
            with suppress(JobsError):  # whoever reads the request by itself meets the same
                validate(bare)
                form = _Form(bare, self._origin, self._default_retry)
        self._forms[key] = form
        return form


class _Form:
    """What requests have in common."""

    def __init__(self, bare: pb.CreateJobRequest, origin: Origin, default_retry: RetryPolicy) -> None:
        common = request_from_pb(bare, origin, default_retry)
        values = tuple(getattr(common, name) for name in _FIELDS)
        self.to_payload = values[1:_PAYLOAD]
        self.to_labels = values[_PAYLOAD + 1 : _LABELS]
        self.rest = values[_REQUEST_ID + 2 :]
        work, traced = work_from_pb(bare.job.spec), bool(origin.trace_context)
        self.frame = MessageFrame(work, origin.tenant, traced=traced)
        self.ids = new_job_ids(common.queue)
