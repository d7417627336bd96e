"""How parts of a job's record are spelled: progress, errors, and what its attempts used."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import orjson

from common.job.model import ErrorClass, JobError, PaidUsage, Progress, Usage


def progress_json(progress: Progress) -> bytes:
    body = {
        "fraction": progress.fraction,
        "stage": progress.stage,
        "done": progress.completed_units,
        "total": progress.total_units,
        "finish": progress.finish_ms,
        "at": progress.at_ms,
    }
    return orjson.dumps(body)


def progress_of(data: str | bytes) -> Progress:
    body: dict[str, Any] = orjson.loads(data)
    return Progress(
        body["fraction"],
        body.get("stage", ""),
        body.get("done", 0),
        body.get("total", 0),
        body.get("finish"),
        body.get("at", 0),
    )


def error_json(error: JobError) -> bytes:
    body = {
        "class": error.error_class.value,
        "reason": error.reason,
        "message": error.message,
        "suggestion": error.suggestion,
        "attempt": error.attempt,
        "at": error.at_ms,
    }
    return orjson.dumps(body)


def error_of(data: str | bytes) -> JobError:
    body: dict[str, Any] = orjson.loads(data)
    # A class that this version does not know was named by a newer one.
    known = body["class"] if body["class"] in ErrorClass.__members__ else ErrorClass.BUG
    return JobError(
        ErrorClass(known),
        body.get("reason", ""),
        body.get("message", ""),
        body.get("suggestion", ""),
        body.get("attempt", 0),
        body.get("at", 0),
    )


def usage_json(usage: Usage | None) -> bytes:
    if usage is None:
        return b""
    fields: dict[str, Any] = {"cpu": usage.cpu_ms, "peak": usage.peak_bytes}
    if usage.paid is not None:
        # lua/finish.lua adds them up for the job.
        fields["paid"] = astuple(usage.paid)
    return orjson.dumps(fields)


def usage_of(data: str | bytes) -> Usage:
    body: dict[str, Any] = orjson.loads(data)
    paid = PaidUsage(*body["paid"]) if "paid" in body else None
    return Usage(body.get("cpu"), body.get("peak"), paid)


def paid_of(spelled: str) -> PaidUsage:
    """Read what a job's attempts took and cost together."""
    return PaidUsage(*map(int, spelled.split(",")))
