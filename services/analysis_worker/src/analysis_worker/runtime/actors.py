"""Turns handlers into Dramatiq actors, and loads anyone's own actors.

A typed job's actor is named as its spec's field in `JobSpec`; it takes the spec as a keyword argument.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import dramatiq
from google.protobuf import json_format, message_factory
from google.protobuf.message import Message

from analysis_worker.runtime.child_process import PoolClosed
from analysis_worker.runtime.context import JobContext, Ports
from analysis_worker.runtime.registry import Procedure
from analysis_worker.wire.results import content_of
from bothsides.jobs import v1 as pb
from common.broker import JobBroker, Snoozed, current_job
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass
from common.job.types import JobType
from common.logs import log_context

_log = logging.getLogger(__name__)


class ActorModulesMissing(Exception):
    """Modules named by WORKER_ACTOR_MODULES cannot be imported."""


def spec_of(job_type: JobType) -> type[Message]:
    """Return the message that orders a job type: that of the field of `JobSpec` with the type's name."""
    ordered_by = pb.JobSpec.DESCRIPTOR.fields_by_name[job_type.spec_field].message_type
    if ordered_by is None:
        raise TypeError(f"JobSpec.{job_type.spec_field} is no message")
    return message_factory.GetMessageClass(ordered_by)


def declare_actors(
    broker: JobBroker,
    procedures: Mapping[str, Procedure[Any]],
    job_types: Iterable[JobType],
    ports: Ports,
    *,
    spec_of: Callable[[JobType], type[Message]] = spec_of,
) -> None:
    """Declare one actor per job type on the broker."""
    for job_type in job_types:
        run = _actor_function(procedures[job_type.name], spec_of(job_type), ports)
        declare = dramatiq.actor(
            broker=broker,
            actor_name=job_type.spec_field,
            queue_name=job_type.queue,
            spec_version=job_type.version,
        )
        declare(run)


def _actor_function(
    procedure: Procedure[Any], spec_class: type[Message], ports: Ports
) -> Callable[..., Awaitable[None]]:
    async def run(*, spec: dict[str, Any]) -> None:
        attempt = current_job()
        if attempt is None:
            raise RuntimeError("this actor runs as a job of JobBroker only")
        with log_context(job_id=attempt.job_id, attempt=attempt.attempt):
            try:
                result = await procedure.run(_parsed(spec, spec_class), JobContext(attempt, ports))
            except PoolClosed:
                attempt.snooze(0, "WORKER_STOPPED")
            except Snoozed:
                raise
            except AttemptFailed as failure:
                _log.warning("the attempt failed: %s %s", failure.error_class, failure.reason)
                raise
            except Exception:
                _log.exception("the attempt failed in a way that nobody foresaw")
                raise
        attempt.report(1.0, "Done")
        attempt.set_result(content_of(result))

    return run


def _parsed(spec: dict[str, Any], spec_class: type[Message]) -> Message:
    """Read a spec. Fields that this worker does not know yet, as in a rolling deploy, are left out."""
    try:
        return json_format.ParseDict(spec, spec_class(), ignore_unknown_fields=True)
    except json_format.ParseError:
        # Without its cause, which quotes the spec.
        raise AttemptFailed(
            ErrorClass.INVALID_INPUT,
            "SPEC_INVALID",
            f"the stored spec is no {spec_class.DESCRIPTOR.full_name}",
            suggestion="create the job anew",
        ) from None


def load_actor_modules(broker: JobBroker, modules: Iterable[str]) -> None:
    """Import modules whose plain `@dramatiq.actor` functions this worker is to serve.

    The broker becomes Dramatiq's global one, so that a bare decorator registers with it.

    Raises:
        ActorModulesMissing: One or more cannot be imported; all are named, with why.
    """
    dramatiq.set_broker(broker)
    problems: list[str] = []
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:  # anything may go wrong in someone else's module
            problems.append(f"{module}: {type(error).__name__}: {error}")
    if problems:
        raise ActorModulesMissing("WORKER_ACTOR_MODULES cannot be imported: " + "; ".join(problems))
