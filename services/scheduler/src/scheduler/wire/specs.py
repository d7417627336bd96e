"""What a job is to do: `JobSpec` on the wire, a call of an actor inside, a Dramatiq message in the store.

A typed spec travels to its actor as the one keyword argument `spec`, spelled as proto JSON with the
fields' own names. A generic one is its actor's arguments.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from dramatiq.encoder import JSONEncoder
from dramatiq.errors import DecodeError
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from bothsides.jobs import v1 as pb
from common.errors import InvalidField
from common.job.ids import JobId
from common.job.model import Job
from common.job.types import GENERIC, GENERIC_QUEUE, JOB_TYPES, JOB_TYPES_BY_SPEC
from common.job.values import made_quickly
from common.store.filed import filed_of
from scheduler.wire.values import list_from_pb, object_from_pb, object_to_pb, value_to_pb

#: Messages are JSON, whatever encoder a process may have set: a stored payload is never unpickled here.
_JSON = JSONEncoder()
#: Stands where something is left out; JSON text holds no such byte.
_GAP: Final = b"\0"


@made_quickly
@dataclass(frozen=True, slots=True)
class Work:
    """An actor and what it is called with."""

    job_type: str
    queue: str
    actor: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    conversation_id: str = ""
    #: Of the spec, see JobType.
    version: int = 1


def work_from_pb(spec: pb.JobSpec, field: str = "job.spec") -> Work:
    """Return the work that `spec` orders; it has passed validation.

    Args:
        field: Path of the spec in its request.

    Raises:
        InvalidField: A generic spec names the actor of a typed job, or holds a number that is not finite.
    """
    kind = spec.WhichOneof("kind") or ""
    if kind == "generic":
        return _generic(spec.generic, f"{field}.generic")
    job_type = JOB_TYPES_BY_SPEC.get(kind)
    if job_type is None:
        raise InvalidField(field, "must be set to one of its kinds")
    typed = getattr(spec, kind)
    arguments = {"spec": MessageToDict(typed, preserving_proto_field_name=True)}
    conversation_id = getattr(typed, "conversation_id", "")
    return Work(job_type.name, job_type.queue, kind, [], arguments, conversation_id, job_type.version)


def _generic(spec: pb.GenericSpec, field: str) -> Work:
    if spec.actor in JOB_TYPES_BY_SPEC:
        typed = f"{field.removesuffix('generic')}{spec.actor}"
        raise InvalidField(f"{field}.actor", f"belongs to a typed job: set {typed} instead")
    args = list_from_pb(spec.args, f"{field}.args")
    kwargs = object_from_pb(spec.kwargs, f"{field}.kwargs") if spec.HasField("kwargs") else {}
    return Work(GENERIC, spec.queue or GENERIC_QUEUE, spec.actor, args, kwargs)


def message_of(work: Work, job_id: JobId, tenant: str, trace_context: Mapping[str, str]) -> bytes:
    """Return the Dramatiq message that a worker gets; its id is the job's."""
    own = (work.args, work.kwargs, job_id, _now_ms())
    return orjson.dumps(_message(work, tenant, dict(trace_context), own))


class MessageFrame:
    """The messages of jobs that differ by what their actor is called with: all else is spelled once.

    Args:
        traced: Whether each has a trace context.
    """

    def __init__(self, work: Work, tenant: str, *, traced: bool) -> None:
        gap = orjson.Fragment(_GAP)
        spelled = orjson.dumps(_message(work, tenant, gap if traced else None, (gap, gap, gap, gap)))
        self._to_args, self._to_kwargs, *to_trace, to_id, from_id, self._end = spelled.split(_GAP)
        self._to_trace = to_trace[0] if traced else None
        self._to_id, self._to_time = to_id + b'"', b'"' + from_id

    def message(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], job_id: JobId, trace_context: Mapping[str, str]
    ) -> bytes:
        """Return the message as message_of would."""
        to_trace = self._to_trace
        return b"".join(
            (
                self._to_args,
                orjson.dumps(args),
                self._to_kwargs,
                orjson.dumps(kwargs) if kwargs else b"{}",
                b"" if to_trace is None else to_trace + orjson.dumps(dict(trace_context)),
                self._to_id,
                job_id.encode(),
                self._to_time,
                b"%d" % _now_ms(),
                self._end,
            )
        )


def _message(work: Work, tenant: str, trace_context: Any, own: tuple[Any, Any, Any, Any]) -> dict[str, Any]:
    """Return a message; `own` is what no two have in common: args, kwargs, id, and the time (Unix ms)."""
    options: dict[str, Any] = {"tenant": tenant}
    if trace_context:
        options["otel"] = trace_context
    if work.version > 1:
        options["spec_version"] = work.version
    args, kwargs, job_id, made_ms = own
    return {
        "queue_name": work.queue,
        "actor_name": work.actor,
        "args": args,
        "kwargs": kwargs,
        "options": options,
        "message_id": job_id,
        "message_timestamp": made_ms,
    }


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def other_work(spec: pb.JobSpec, job: Job) -> Work:
    """Return the work that `spec` orders of a job that has another spec already; errors name "spec".

    Raises:
        InvalidField: It is not a variant of the job's own spec, see `work_from_pb` for the rest.
    """
    named = pb.JobSpec()
    named.CopyFrom(spec)
    if named.HasField("generic") and not named.generic.queue:
        named.generic.queue = job.queue
    work = work_from_pb(named, "spec")
    asked = (work.job_type, work.queue, work.actor, work.conversation_id)
    if asked != (job.job_type, job.queue, job.actor, job.conversation_id):
        raise InvalidField(
            "spec", "must keep the job's type, queue, actor and conversation_id: create a new job instead"
        )
    return work


def message_with(payload: bytes, work: Work, job: Job) -> bytes:
    """Return a job's message, whose arguments may be in a file, with other work, and all else as it was."""
    filed = filed_of(payload)
    kept = _arguments(payload if filed is None else filed.whole(b""))
    if not kept:
        return message_of(work, job.job_id, job.tenant, {})
    return orjson.dumps({**kept, "args": work.args, "kwargs": work.kwargs})


def fill_spec(spec: pb.JobSpec, job: Job, payload: bytes) -> None:
    """Fill in the spec of a stored job; without its arguments if `payload` is empty or not JSON."""
    arguments = _arguments(payload)
    if job.job_type in JOB_TYPES:
        _fill_typed(spec, JOB_TYPES[job.job_type].spec_field, job, arguments)
        return
    generic = spec.generic
    generic.actor = job.actor
    generic.queue = job.queue
    if arguments:
        generic.args.extend(value_to_pb(item) for item in arguments.get("args", ()))
        generic.kwargs.CopyFrom(object_to_pb(arguments.get("kwargs", {})))


def _fill_typed(spec: pb.JobSpec, kind: str, job: Job, arguments: Mapping[str, Any]) -> None:
    typed = getattr(spec, kind)
    typed.SetInParent()
    try:
        ParseDict(arguments.get("kwargs", {}).get("spec", {}), typed, ignore_unknown_fields=True)
    except ParseError:
        typed.Clear()  # written by a version that spelled it otherwise
    if job.conversation_id:
        typed.conversation_id = job.conversation_id


def _arguments(payload: bytes) -> Mapping[str, Any]:
    if not payload:
        return {}
    try:
        decoded = _JSON.decode(payload)
    except DecodeError:
        return {}
    return decoded if isinstance(decoded, dict) else {}
