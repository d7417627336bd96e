"""One way to put a gRPC server together, the same for every service.

Around every call, from the outside in: the sending of streams, the trace (if telemetry is on), errors, who
calls, the rules of the contract. Health, reflection and channelz are on every server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf import descriptor_pool
from grpc_channelz.v1 import channelz, channelz_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from common.auth.caller import Role
from common.auth.door import Door
from common.auth.methods import METHOD_ROLES
from common.rpc.calls import Calls
from common.rpc.health import HealthServicer
from common.rpc.streams import StreamInterceptor
from common.rpc.tls import server_credentials
from common.settings import ServerSettings

#: The largest request or response. A conversation of 8 MiB fits with room to spare.
MESSAGE_LIMIT_BYTES: Final = 16 * 1024 * 1024

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
    # Two servers on one port would each get some of the calls; the second had better fail to start.
    ("grpc.so_reuseport", 0),
    # Clients may keep an idle connection alive with a ping every 10 s; others ask less often than that.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    # A client that vanished without a word is noticed, and its watches end.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Connections are made anew now and then, so that load spreads to new replicas. gRPC adds 10 % jitter.
    # Watches have five more minutes; then they end and resume elsewhere, which also bounds how long a watch
    # outlives the token that it began with.
    ("grpc.max_connection_age_ms", 30 * 60_000),
    ("grpc.max_connection_age_grace_ms", 5 * 60_000),
)


@dataclass(frozen=True, slots=True)
class Service:
    """A servicer and where it goes."""

    #: Full name, such as "bothsides.jobs.v1.JobService".
    name: str
    #: The generated add_..._to_server.
    register: Callable[[Any, grpc.aio.Server], None]
    servicer: Any
    #: Methods whose servicer looks at the rules of the contract itself; for all others that is done.
    self_checked: frozenset[str] = frozenset()


class UnguardedMethod(LookupError):
    """A service has methods that no role was decided for."""


class AddressNotBound(OSError):
    """The server cannot listen where it should."""


class Server:
    """A gRPC server that listens once started, and says over grpc.health.v1 whether it serves."""

    def __init__(
        self,
        server: grpc.aio.Server,
        health: HealthServicer,
        settings: ServerSettings,
        names: tuple[str, ...],
    ) -> None:
        self._server = server
        self._health = health
        self._settings = settings
        self._names = names

    @classmethod
    def build(
        cls,
        settings: ServerSettings,
        services: Sequence[Service] = (),
        *,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
        method_roles: Mapping[str, Role | None] = METHOD_ROLES,
    ) -> Server:
        """Put a server together. Call it on the event loop that will run it.

        Args:
            services: What it serves besides health, reflection and channelz.
            interceptors: Put around all others, such as `Telemetry.server_interceptors()`.
            method_roles: As for Door; must have a row for every method.

        Raises:
            UnguardedMethod: A method has no row in `method_roles`.
        """
        names = [service.name for service in services]
        _check_roles(names, method_roles)
        outer = (StreamInterceptor(), *interceptors) if interceptors else ()
        self_checked = {f"/{service.name}/{name}" for service in services for name in service.self_checked}
        calls: Any = Calls(Door(settings.auth, method_roles), self_checked, sends=not outer)
        for service in services:
            service.register(service.servicer, calls)
        health = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(health, calls)
        health_name = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        reflected = (*names, health_name, reflection.SERVICE_NAME)
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(
            reflection.aio.ReflectionServicer(reflected), calls
        )
        channelz_pb2_grpc.add_ChannelzServicer_to_server(channelz.aio.ChannelzServicer(), calls)
        server = grpc.aio.server(handlers=(calls,), interceptors=outer, options=_OPTIONS)
        return cls(server, health, settings, ("", *names))

    async def start(self) -> int:
        """Listen and serve; return the port that was bound.

        Raises:
            AddressNotBound: Another program has the port, or this machine has no such address.
        """
        try:
            if self._settings.tls is not None:
                credentials = server_credentials(self._settings.tls)
                port = self._server.add_secure_port(str(self._settings.address), credentials)
            else:
                port = self._server.add_insecure_port(str(self._settings.address))
        except RuntimeError as error:
            raise AddressNotBound(
                f"cannot listen on {self._settings.address}: another program may have it; choose another port"
            ) from error
        for name in self._names:
            await self.report(serving=True, service=name)
        await self._server.start()
        return port

    async def report(self, *, serving: bool, service: str = "") -> None:
        """Tell grpc.health.v1 whether a service can do its work; "" stands for the whole server."""
        status = (
            health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        await self._health.set(service, status)

    async def stop(self, grace_s: float) -> None:
        """Say NOT_SERVING, take no new calls, and end those in progress when the grace is over."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)

    async def wait_for_termination(self) -> None:
        """Return when the server has stopped."""
        await self._server.wait_for_termination()


def _check_roles(names: Sequence[str], method_roles: Mapping[str, Role | None]) -> None:
    pool = descriptor_pool.Default()
    for name in names:
        for method in pool.FindServiceByName(name).methods:
            if f"/{name}/{method.name}" not in method_roles:
                raise UnguardedMethod(f"/{name}/{method.name} has no row in common.auth.methods")
