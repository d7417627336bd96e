"""Logs: one JSON object a line on stderr, with the job and the trace that the line belongs to.

Payloads stay out even when a library is careless: of an exception it shows the type and where it was raised,
but the text only of errors whose text is ours; of a Dramatiq message it shows the actor and the id. What
libraries tell at DEBUG of what goes over the wire, headers of others' replies among it, is never shown.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TextIO

import orjson

from common.errors import JobsError
from common.settings import SettingsError
from common.telemetry.context import current_trace_id

#: Innermost frames of a traceback that are shown.
_FRAMES: Final = 30
#: Exceptions of one chain or group that are shown.
_EXCEPTIONS: Final = 8

#: Libraries that speak with others.
_WIRE: Final = ("openai", "httpx", "httpx2", "httpcore", "httpcore2", "grpc", "hpack", "urllib3", "redis")

_fields: ContextVar[dict[str, str | int] | None] = ContextVar("log_fields", default=None)


def configure_logging(level: str, *, stream: TextIO | None = None) -> None:
    """Send everything of at least `level` to `stream` (stderr by default), replacing what was configured."""
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _WIRE:
        logging.getLogger(name).setLevel(max(root.level, logging.INFO))
    logging.captureWarnings(True)


@contextmanager
def log_context(**fields: str | int) -> Iterator[None]:
    """Add fields, such as job_id and attempt, to every line that is logged inside, in this thread or task."""
    token = _fields.set({**(_fields.get() or {}), **fields})
    try:
        yield
    finally:
        _fields.reset(token)


class JsonFormatter(logging.Formatter):
    """Makes one line of JSON out of a record: time, level, logger, message, context, error."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _iso(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
            **(_fields.get() or {}),
        }
        if (trace_id := current_trace_id()) is not None:
            line["trace_id"] = trace_id
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = [_described(error) for error in _chain(record.exc_info[1])]
        return orjson.dumps(line, default=lambda value: type(value).__name__).decode()


def _message(record: logging.LogRecord) -> str:
    arguments = record.args
    if isinstance(arguments, tuple):
        arguments = tuple(map(_without_payload, arguments))
    try:
        text = str(record.msg) % arguments if arguments else str(record.msg)
    except (TypeError, ValueError, KeyError):
        text = str(record.msg)  # a wrong format string must not cost the line
    return text.encode("utf-8", "replace").decode()


def _without_payload(argument: object) -> object:
    """Return what may be shown of a log call's argument."""
    match argument:
        case BaseException():
            return _named(argument)
        case _ if hasattr(argument, "message_id") and hasattr(argument, "actor_name"):
            # A message of JobBroker names its job, by which people look for it; others only themselves.
            job = getattr(argument, "job", None)
            shown = f"job {job.job_id} attempt {job.attempt}" if job is not None else argument.message_id
            return f"{argument.actor_name}[{shown}]"
    return argument


def _named(error: BaseException) -> str:
    name = type(error).__qualname__
    match error:
        case JobsError() | SettingsError():
            return f"{name}: {error}"
        case OSError() if error.strerror:
            return f"{name}: {error.strerror}"
    return name


def _described(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return {
        "type": _named(error),
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error, what it was raised from, and the members of groups; the outermost first."""
    chain: list[BaseException] = []
    waiting = [error]
    while waiting and len(chain) < _EXCEPTIONS:
        error = waiting.pop(0)
        if error in chain:
            continue
        chain.append(error)
        if isinstance(error, BaseExceptionGroup):
            waiting.extend(error.exceptions)
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is not None:
            waiting.append(cause)
    return chain


def _iso(instant_s: float) -> str:
    whole_s = int(instant_s)
    return (
        f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole_s))}.{int((instant_s - whole_s) * 1000):03}Z"
    )
