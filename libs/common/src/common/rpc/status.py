"""An error of the platform as a google.rpc.Status with details (AIP-193).

A status travels in trailing metadata, of which gRPC takes 8 KiB: what would not fit is left out and counted.
"""

from __future__ import annotations

from typing import Final

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from common.errors import (
    DuplicateJob,
    InvalidField,
    InvalidFields,
    JobsError,
    NotFound,
    QueueDraining,
    WrongState,
)

#: google.rpc.ErrorInfo.domain of every error.
DOMAIN: Final = "jobs.bothsides"
#: The trailing metadata key of a serialised google.rpc.Status.
DETAILS_KEY: Final = "grpc-status-details-bin"
#: Longest text of any kind. The message is sent twice, once percent-encoded.
TEXT_BYTES: Final = 400
#: Longest value of the metadata: room for most resume tokens.
METADATA_BYTES: Final = 1_500
#: Of no use in part: one that is longer, of a watch of very many queues, is left to the last message to tell.
_WHOLE: Final = "resume_token"
#: Field violations are added until they take more than this. In base64 and with all the rest below 8 KiB.
VIOLATIONS_BYTES: Final = 1_200


def status_of(error: JobsError) -> status_pb2.Status:
    """Return what a call that failed with `error` ends with."""
    message = _shortened(error.message)
    status = status_pb2.Status(code=code_of(error).value[0], message=message)
    metadata = {
        key: _shortened(value, METADATA_BYTES)
        for key, value in error.metadata.items()
        if key != _WHOLE or len(value) <= METADATA_BYTES
    }
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)
    ]
    match error:
        case InvalidField():
            details.append(_bad_request(error))
        case NotFound():
            details.append(
                error_details_pb2.ResourceInfo(
                    resource_type=error.resource_type, resource_name=error.name, description=error.advice
                )
            )
        case DuplicateJob():
            details.append(
                error_details_pb2.ResourceInfo(
                    resource_type="job", resource_name=error.job_id, description=error.way_out
                )
            )
        case WrongState():
            details.append(_precondition(error.reason, f"{error.things}/{error.name}", error.way_out))
        case QueueDraining():
            details.append(_precondition(error.reason, f"queues/{error.queue}", error.way_out))
        case _ if error.status == "RESOURCE_EXHAUSTED":
            quota = error_details_pb2.QuotaFailure()
            queue = error.metadata.get("queue")
            subject = f"queues/{queue}" if queue else error.reason.lower()
            quota.violations.add(subject=subject, description=message)
            details.append(quota)
    if error.retry_after_ms is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(error.retry_after_ms)
        details.append(retry)
    for detail in details:
        status.details.add().Pack(detail)
    return status


def internal_status(request_id: str) -> status_pb2.Status:
    """Return the status of an unforeseen error: an id to find it in the log by, and nothing else."""
    status = status_pb2.Status(
        code=grpc.StatusCode.INTERNAL.value[0],
        message=f"an error on the server's side: report it with the request id {request_id}",
    )
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN))
    status.details.add().Pack(error_details_pb2.RequestInfo(request_id=request_id))
    return status


def code_of(error: JobsError) -> grpc.StatusCode:
    """Return the gRPC code that an error names."""
    return grpc.StatusCode[error.status]


def _precondition(reason: str, subject: str, way_out: str) -> error_details_pb2.PreconditionFailure:
    failure = error_details_pb2.PreconditionFailure()
    failure.violations.add(type=reason, subject=subject, description=way_out)
    return failure


def _bad_request(error: InvalidField) -> error_details_pb2.BadRequest:
    violations = error.violations if isinstance(error, InvalidFields) else [(error.field, error.description)]
    request = error_details_pb2.BadRequest()
    for index, (field, description) in enumerate(violations):
        request.field_violations.add(
            field=_shortened(field), description=_shortened(description), reason=error.reason
        )
        left = len(violations) - index - 1
        if left and request.ByteSize() > VIOLATIONS_BYTES:
            request.field_violations.add(field="", description=f"and {left} more")
            break
    return request


def _shortened(text: str, limit_bytes: int = TEXT_BYTES) -> str:
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit_bytes:
        return encoded.decode()
    return encoded[: limit_bytes - len("…".encode())].decode("utf-8", "ignore") + "…"
