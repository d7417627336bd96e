"""What a job returned: bytes with a media type in the store, `JobResult` on the wire."""

from __future__ import annotations

import base64
from typing import Final

import orjson
from google.protobuf.message import DecodeError

from bothsides.jobs import v1 as pb
from common.job.model import Content, Part
from scheduler.wire.times import instant_to_pb
from scheduler.wire.values import value_to_pb

JSON: Final = "application/json"
#: A serialized JobResult.
TYPED: Final = "application/x-protobuf; message=bothsides.jobs.v1.JobResult"


def result_to_pb(content: Content) -> pb.JobResult:
    """Return a result. Bytes of another kind, or that do not parse, come as base64 with their media type."""
    try:
        if content.media_type == TYPED:
            return pb.JobResult.FromString(content.data)
        if content.media_type == JSON:
            return pb.JobResult(generic=value_to_pb(orjson.loads(content.data)))
    except (DecodeError, orjson.JSONDecodeError):
        pass
    opaque = {"media_type": content.media_type, "base64": base64.b64encode(content.data).decode()}
    return pb.JobResult(generic=value_to_pb(opaque))


def part_to_pb(part: Part) -> pb.PartialResult:
    return pb.PartialResult(
        part=part.name,
        attempt=part.attempt,
        result=result_to_pb(part.content),
        time=instant_to_pb(part.at_ms),
    )
