"""ECHO: says what it was given, with a part on the way."""

from __future__ import annotations

from google.protobuf.struct_pb2 import Value

from analysis_worker.runtime.context import JobContext
from analysis_worker.runtime.registry import handles
from bothsides.jobs import v1 as pb


@handles("ECHO")
async def echo(spec: pb.GenericSpec, context: JobContext) -> pb.JobResult:
    context.progress(0.5, "Saying it", completed_units=1, total_units=2)
    context.part("half", pb.JobResult(generic=Value(string_value=spec.actor[:2])))
    return pb.JobResult(generic=Value(string_value=spec.actor))
