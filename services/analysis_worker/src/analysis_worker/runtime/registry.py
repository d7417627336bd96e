"""Finds the handlers: every `@handles` function in the modules of a package.

There is no list to keep. A module that is put into the package is found; a job type without a handler, or
with two, stops the worker at its start.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from analysis_worker.runtime.context import JobContext
from bothsides.jobs import v1 as pb
from common.job.types import JobType

S = TypeVar("S", bound=Message)


class HandlersIncomplete(Exception):
    """The handlers do not match the table of job types."""


@dataclass(frozen=True, slots=True)
class Procedure(Generic[S]):
    """How one type of job is done."""

    #: Name in `common.job.types`, such as TRANSCRIPT_ANALYSIS.
    job_type: str
    #: Takes the spec as ordered and the attempt's context; what it raises is the attempt's failure.
    run: Callable[[S, JobContext], Awaitable[pb.JobResult]]


def handles(
    job_type: str,
) -> Callable[[Callable[[S, JobContext], Awaitable[pb.JobResult]]], Procedure[S]]:
    """Make an async function `(spec, context) -> JobResult` the handler of a job type."""

    def decorate(run: Callable[[S, JobContext], Awaitable[pb.JobResult]]) -> Procedure[S]:
        return Procedure(job_type, run)

    return decorate


def discover(package: ModuleType, job_types: Iterable[JobType]) -> Mapping[str, Procedure[Any]]:
    """Import all modules of `package`; return their handlers by job type.

    Raises:
        HandlersIncomplete: A type has no handler or two, or a handler's type is not in `job_types`.
    """
    found: dict[str, Procedure[Any]] = {}
    for module_info in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        module = importlib.import_module(module_info.name)
        for value in vars(module).values():
            if not isinstance(value, Procedure):
                continue
            if found.setdefault(value.job_type, value) is not value:
                raise HandlersIncomplete(
                    f"{value.job_type} has two handlers, one of them in {module.__name__}"
                )
    known = {job_type.name for job_type in job_types}
    if missing := sorted(known - found.keys()):
        raise HandlersIncomplete(f"no module of {package.__name__} handles {', '.join(missing)}")
    if unknown := sorted(found.keys() - known):
        raise HandlersIncomplete(f"common.job.types has no row for {', '.join(unknown)}")
    return found
