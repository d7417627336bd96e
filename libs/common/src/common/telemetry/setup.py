"""Starting OpenTelemetry for one process, and ending it so that nothing is lost.

Providers have threads of their own, which a fork does not copy: start it in the process that does the work.
What makes and sends is imported by who has somewhere to send to: a fifth of a service's start otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import grpc.aio
from opentelemetry import metrics, trace

from common.settings import TelemetrySettings

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider


class Telemetry:
    """The providers of one process; without them everything here does nothing."""

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider

    @classmethod
    def start(cls, service_name: str, settings: TelemetrySettings) -> Self:
        """Make the providers and make them the process's own, if there is an endpoint to send to."""
        if settings.otlp_endpoint is None:
            return cls()
        from common.telemetry.providers import make_providers

        started = cls(*make_providers(service_name, settings, settings.otlp_endpoint))
        started.make_global()
        return started

    def make_global(self) -> None:
        """Let libraries find these providers. OpenTelemetry allows it once in a process."""
        if self._tracer_provider is not None:
            trace.set_tracer_provider(self._tracer_provider)
        if self._meter_provider is not None:
            metrics.set_meter_provider(self._meter_provider)

    def server_interceptors(self) -> Sequence[grpc.aio.ServerInterceptor]:
        """Return what makes a span of every call, as a child of the caller's; nothing if telemetry is off."""
        if self._tracer_provider is None:
            return ()
        from common.telemetry.providers import make_server_interceptor

        return (make_server_interceptor(self._tracer_provider),)

    def shutdown(self) -> None:
        """Send what is left and end the threads. Blocks for some seconds if nobody takes it."""
        if self._tracer_provider is not None:
            self._tracer_provider.shutdown()
        if self._meter_provider is not None:
            self._meter_provider.shutdown()
