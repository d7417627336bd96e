"""What a job is to do: `JobSpec` on the wire, a call of an actor inside, a Dramatiq message in the store.

A typed spec travels to its actor as the one keyword argument `spec`, spelled as proto JSON with the
fields' own names. A generic one is its actor's arguments.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from dramatiq.encoder import JSONEncoder
from dramatiq.errors import DecodeError
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from bothsides.jobs import v1 as pb
from common.errors import InvalidField
from common.job.ids import JobId
from common.job.model import Job
from common.job.types import GENERIC, GENERIC_QUEUE, JOB_TYPES, JOB_TYPES_BY_SPEC
from scheduler.wire.values import list_from_pb, object_from_pb, object_to_pb, value_to_pb

#: Messages are JSON, whatever encoder a process may have set: a stored payload is never unpickled here.
_JSON = JSONEncoder()


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


def work_from_pb(spec: pb.JobSpec) -> Work:
    """Return the work that `spec` orders; it has passed validation.

    Raises:
        InvalidField: A generic spec names the actor of a typed job, or holds a number that is not finite.
    """
    kind = spec.WhichOneof("kind") or ""
    if kind == "generic":
        return _generic(spec.generic)
    job_type = JOB_TYPES_BY_SPEC.get(kind)
    if job_type is None:
        raise InvalidField("job.spec", "must be set to one of its kinds")
    typed = getattr(spec, kind)
    arguments = {"spec": MessageToDict(typed, preserving_proto_field_name=True)}
    return Work(job_type.name, job_type.queue, kind, [], arguments, typed.conversation_id, job_type.version)


def _generic(spec: pb.GenericSpec) -> Work:
    if spec.actor in JOB_TYPES_BY_SPEC:
        raise InvalidField(
            "job.spec.generic.actor", f"belongs to a typed job: set job.spec.{spec.actor} instead"
        )
    args = list_from_pb(spec.args, "job.spec.generic.args")
    kwargs = object_from_pb(spec.kwargs, "job.spec.generic.kwargs") if spec.HasField("kwargs") else {}
    return Work(GENERIC, spec.queue or GENERIC_QUEUE, spec.actor, args, kwargs)


def message_of(work: Work, job_id: JobId, tenant: str, trace_context: Mapping[str, str]) -> bytes:
    """Return the Dramatiq message that a worker gets; its id is the job's."""
    options: dict[str, Any] = {"tenant": tenant}
    if trace_context:
        options["otel"] = dict(trace_context)
    if work.version > 1:
        options["spec_version"] = work.version
    message = {
        "queue_name": work.queue,
        "actor_name": work.actor,
        "args": work.args,
        "kwargs": work.kwargs,
        "options": options,
        "message_id": job_id,
        "message_timestamp": time.time_ns() // 1_000_000,
    }
    return orjson.dumps(message)


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
    typed.conversation_id = job.conversation_id
    try:
        ParseDict(arguments.get("kwargs", {}).get("spec", {}), typed, ignore_unknown_fields=True)
    except ParseError:
        typed.Clear()  # written by a version that spelled it otherwise
        typed.conversation_id = job.conversation_id


def _arguments(payload: bytes) -> Mapping[str, Any]:
    if not payload:
        return {}
    try:
        decoded = _JSON.decode(payload)
    except DecodeError:
        return {}
    return decoded if isinstance(decoded, dict) else {}
