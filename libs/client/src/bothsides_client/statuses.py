"""Read a failed call: google.rpc.Status and its details become an error of `errors`.

Follows AIP-193. Details of other domains than this platform's are read as well, since a proxy on the
way may have its own to say; unknown details are left alone.
"""

from __future__ import annotations

import contextlib
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from bothsides_client.errors import Failure, FieldViolation, RequestFailed, error_for


def error_from_call(error: grpc.RpcError, *, peer: str) -> RequestFailed:
    """Return what the failed call means; `peer` names the service and its address, for people."""
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):
        return error_for(Failure("UNKNOWN", "", f"the call to the {peer} failed: {type(error).__name__}"))
    try:
        status = rpc_status.from_call(error)
    except (ValueError, DecodeError):  # the details contradict the code, or are damaged: believe the code
        status = None
    if status is not None:
        return error_for(failure_from_status(status))
    code = error.code().name
    return error_for(Failure(code, "", _local_message(code, error.details() or "", peer)))


def error_from_status(status: status_pb2.Status) -> RequestFailed:
    """Return the error that a status inside a response means, such as an item of CreateJobs."""
    return error_for(failure_from_status(status))


def failure_from_status(status: status_pb2.Status) -> Failure:
    """Decode the details: ErrorInfo, BadRequest, RetryInfo, ResourceInfo, and the violations of
    PreconditionFailure and QuotaFailure, whose subject stands for the field."""
    reason = ""
    violations: list[FieldViolation] = []
    retry_after_s: float | None = None
    metadata: dict[str, str] = {}
    for detail in status.details:
        match detail.type_url.rpartition(".")[2]:
            case "ErrorInfo":
                info = _unpack(detail, error_details_pb2.ErrorInfo())
                reason = info.reason
                metadata.update(info.metadata)
            case "BadRequest":
                for violation in _unpack(detail, error_details_pb2.BadRequest()).field_violations:
                    violations.append(FieldViolation(violation.field, violation.description))
            case "PreconditionFailure":
                for violation in _unpack(detail, error_details_pb2.PreconditionFailure()).violations:
                    violations.append(FieldViolation(violation.subject, violation.description))
            case "QuotaFailure":
                for violation in _unpack(detail, error_details_pb2.QuotaFailure()).violations:
                    violations.append(FieldViolation(violation.subject, violation.description))
            case "RetryInfo":
                delay = _unpack(detail, error_details_pb2.RetryInfo()).retry_delay
                retry_after_s = delay.seconds + delay.nanos / 1e9
            case "ResourceInfo":
                resource = _unpack(detail, error_details_pb2.ResourceInfo())
                metadata.setdefault("resource_type", resource.resource_type)
                metadata.setdefault("resource_name", resource.resource_name)
            case "RequestInfo":
                metadata.setdefault("request_id", _unpack(detail, error_details_pb2.RequestInfo()).request_id)
    return Failure(
        code=_code_name(status.code),
        reason=reason,
        message=status.message,
        field_violations=tuple(violations),
        retry_after_s=retry_after_s,
        metadata=metadata,
    )


def _unpack(detail: Any, target: Any) -> Any:  # google.rpc comes without types
    """Fill `target` from the packed detail; a detail that is damaged stays empty."""
    with contextlib.suppress(DecodeError):
        detail.Unpack(target)
    return target


def _code_name(code: int) -> str:
    return str(code_pb2.Code.Name(code)) if code in code_pb2.Code.values() else "UNKNOWN"


def _local_message(code: str, details: str, peer: str) -> str:
    """Say in words what gRPC reports when no server gave a status of its own."""
    match code:
        case "UNAVAILABLE":
            return f"the {peer} does not answer"
        case "DEADLINE_EXCEEDED":
            return f"the {peer} did not answer in time"
        case "UNIMPLEMENTED":
            return f"the {peer} does not know this call"
    return f"the {peer} answered {code}: {details}" if details else f"the {peer} answered {code}"
