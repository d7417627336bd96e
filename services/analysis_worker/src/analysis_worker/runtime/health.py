"""Says over grpc.health.v1 whether this worker takes and runs jobs. That its process is up proves nothing.

It observes and answers; it restarts and stops nothing.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import dramatiq
import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from analysis_worker.runtime.reporter import Reporter
from common.broker import JobBroker

#: Between two looks (s).
LOOK_EVERY_S: Final = 0.5
#: The store was silent for longer than this: three reports have failed (ms).
SILENCE_MAX_MS: Final = 15_000
_ALL: Final = ""
_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
_log = logging.getLogger(__name__)


def ailments(
    worker: dramatiq.Worker,
    broker: JobBroker,
    reporter: Reporter,
    *,
    silence_max_ms: float = SILENCE_MAX_MS,
) -> list[str]:
    """Return why this worker cannot be relied on to run jobs, in words; empty if it can."""
    found: list[str] = []
    if broker.draining.is_set():
        found.append("it is stopping")
    if not worker.workers or not all(thread.is_alive() for thread in worker.workers):
        found.append("a worker thread has ended")
    if not worker.consumers or not all(thread.is_alive() for thread in worker.consumers.values()):
        found.append("a consumer thread has ended")
    if not broker.keeper.alive:
        found.append("the thread that renews leases has ended")
    if not broker.committer.alive:
        found.append("the thread that writes outcomes has ended")
    if broker.keeper.silence_ms >= broker.lease_ms:
        found.append("leases are not renewed")
    if not reporter.reported:
        found.append("the store has not answered yet")
    elif not reporter.alive or reporter.silence_ms >= silence_max_ms:
        found.append("the store does not answer")
    return found


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

    def __init__(self, address: str, worker: dramatiq.Worker, broker: JobBroker, reporter: Reporter) -> None:
        self._worker, self._broker, self._reporter = worker, broker, reporter
        self._servicer = health.HealthServicer()
        self._servicer.set(_ALL, _NOT_SERVING)
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
        self._ailments: list[str] | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="HealthServer", daemon=True)

    def start(self) -> None:
        """Listen, and look for the first time."""
        self._server.start()
        self._thread.start()

    def say_stopping(self) -> None:
        """Answer NOT_SERVING from now on, whatever is found."""
        self._servicer.enter_graceful_shutdown()

    def close(self) -> None:
        """End the thread and the server."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()
        self._server.stop(grace=None).wait()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._look()
            self._closed.wait(LOOK_EVERY_S)

    def _look(self) -> None:
        found = ailments(self._worker, self._broker, self._reporter)
        if found == self._ailments:
            return
        self._ailments = found
        self._servicer.set(_ALL, _NOT_SERVING if found else _SERVING)
        if found:
            _log.warning("not serving: %s", "; ".join(found))
        else:
            _log.info("serving")
