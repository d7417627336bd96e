"""How a job's result is stored: a JobResult message, in bytes that depend on nothing but its content."""

from __future__ import annotations

from typing import Final

from bothsides.jobs import v1 as pb
from common.job.model import Content

#: Tells the reader of a job which message its result, and each part of it, is.
RESULT_MEDIA_TYPE: Final = "application/x-protobuf; message=bothsides.jobs.v1.JobResult"


def content_of(result: pb.JobResult) -> Content:
    """Serialize a result, or one part of it; equal messages give equal bytes."""
    return Content(RESULT_MEDIA_TYPE, result.SerializeToString(deterministic=True))
