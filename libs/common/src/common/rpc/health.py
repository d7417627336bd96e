"""grpc.health.v1, whole: gRPC's own servicer leaves List out."""

from __future__ import annotations

from typing import Any

from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as health_aio

from common.rpc.handlers import Context


class HealthServicer(health_aio.HealthServicer):  # type: ignore[misc]  # it has no types
    """Says whether the server and each of its services serve."""

    async def List(self, request: Any, context: Context) -> Any:
        """Answer for all services at once."""
        statuses = {
            service: health_pb2.HealthCheckResponse(status=status)
            for service, status in self._server_status.items()
        }
        return health_pb2.HealthListResponse(statuses=statuses)
