"""Ask a service whether it serves, by the standard gRPC health protocol (grpc.health.v1)."""

from __future__ import annotations

from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

#: One question; a service that is starting refuses connections at once, one that hangs is asked again.
ASK_TIMEOUT_S: Final = 1.0
#: gRPC would wait a second after the first refused connection, and ever longer after each.
_OPTIONS: Final = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
)


def is_serving(address: str) -> bool:
    """Say whether the server at `address` (host:port, plain text) answers SERVING for its whole."""
    with grpc.insecure_channel(address, options=_OPTIONS) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=""), timeout=ASK_TIMEOUT_S
            )
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
