"""What a server of the contract answers, for tests of the client against a channel that the test plays."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from bothsides.jobs.v1 import (
    analysis_service_pb2,
    conversation_pb2,
    job_service_pb2,
    monitor_service_pb2,
    queue_service_pb2,
)

STATUS_KEY = "grpc-status-details-bin"
_FILES = (job_service_pb2, queue_service_pb2, conversation_pb2, analysis_service_pb2, monitor_service_pb2)
_SERVICES = {name: service for file in _FILES for name, service in file.DESCRIPTOR.services_by_name.items()}


def method(service: str, name: str) -> Any:
    """Return the descriptor of a method, by which a testing channel takes its calls."""
    return _SERVICES[service].methods_by_name[name]


def status(code: grpc.StatusCode, message: str, *details: Message) -> status_pb2.Status:
    """Return a google.rpc.Status with packed details."""
    packed = []
    for detail in details:
        packed.append(Packed())
        packed[-1].Pack(detail)
    return status_pb2.Status(code=code.value[0], message=message, details=packed)


def trailers(answer: status_pb2.Status) -> tuple[tuple[str, bytes], ...]:
    """Return the trailing metadata that carries the status."""
    return ((STATUS_KEY, answer.SerializeToString()),)


def reason(name: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    """Return the ErrorInfo of this platform."""
    return error_details_pb2.ErrorInfo(reason=name, domain="jobs.bothsides", metadata=metadata)
