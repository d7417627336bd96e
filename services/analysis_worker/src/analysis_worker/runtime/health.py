"""Says over grpc.health.v1 whether this worker takes and runs jobs. That its process is up proves nothing.

It observes and answers; it restarts and stops nothing.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from analysis_worker.runtime.ailments import Ailment, Limits, Parts, ailments

#: Between two looks (s).
LOOK_EVERY_S: Final = 0.5
#: Service names. Liveness: a restart would not help. Readiness: it takes and runs jobs; "" says the same.
LIVENESS: Final = "liveness"
READINESS: Final = "readiness"
_READY: Final = ("", READINESS)
_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
_log = logging.getLogger(__name__)


class AddressUnusable(Exception):
    """The address to answer health on cannot be listened on."""


class HealthServer:
    """A small gRPC server with the health service only, and the thread that looks.

    It answers in plain text and to everyone, as an orchestrator's probe needs it; it says nothing but whether
    the worker serves.

    Args:
        address: `host:port` to listen on; port 0 for a free one.

    Raises:
        AddressUnusable: Another program listens there, or the host is not this one.
    """

    def __init__(self, address: str, parts: Parts, limits: Limits | None = None) -> None:
        self._parts = parts
        self._limits = limits or Limits()
        self._servicer = health.HealthServicer()
        self._servicer.set(LIVENESS, _SERVING)
        for service in _READY:
            self._servicer.set(service, _NOT_SERVING)
        # A Watch holds a thread for as long as it lasts.
        self._server = grpc.server(
            ThreadPoolExecutor(8, thread_name_prefix="health"), options=[("grpc.so_reuseport", 0)]
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, self._server)
        #: Where it listens, since the address may have asked for any free port.
        try:
            self.port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise AddressUnusable(
                f"WORKER_HEALTH_ADDR={address} cannot be listened on; another program may have it"
            ) from error
        self._found: list[Ailment] | None = None
        self._stopping = False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="HealthServer", daemon=True)

    def start(self) -> None:
        """Listen, and look for the first time."""
        self._server.start()
        self._thread.start()

    def say_stopping(self) -> None:
        """Answer that it takes no jobs from now on, whatever is found. It lives until it has stopped."""
        self._stopping = True
        for service in _READY:
            self._servicer.set(service, _NOT_SERVING)

    def close(self) -> None:
        """End the thread and the server."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()
        self._servicer.enter_graceful_shutdown()
        self._server.stop(grace=None).wait()

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._look()
            except Exception:
                _log.exception("the worker's health could not be looked at")
            self._closed.wait(LOOK_EVERY_S)

    def _look(self) -> None:
        self._parts.pulse.look()
        found = ailments(self._parts, self._limits)
        if found == self._found or self._stopping:
            return
        self._found = found
        restart = any(ailment.needs_restart for ailment in found)
        self._servicer.set(LIVENESS, _NOT_SERVING if restart else _SERVING)
        stops = any(not ailment.only_told for ailment in found)
        for service in _READY:
            self._servicer.set(service, _NOT_SERVING if stops else _SERVING)
        told = "; ".join(ailment.text for ailment in found)
        if stops:
            _log.warning("not serving: %s", told)
        elif found:
            _log.warning("serving, but: %s", told)
        else:
            _log.info("serving")
