"""A real gRPC server that stands in for a service of the platform: health, and misbehaviour on demand.

What it should do wrong comes in variables: STAND_IN_FAILS, STAND_IN_DEAF and STAND_IN_HAS_CHILD name the
module that ends while starting, ignores SIGTERM, or starts a program of its own. STAND_IN_DIARY is a file to
which each appends a line when it is told to end: its module, and whether the server still answered.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import redis
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


def serve(module: str, address_variable: str) -> None:
    """Serve until SIGTERM."""
    print(f"{module} starts with {os.environ.get('JOB_LEASE_MS', 'no lease')}", flush=True)
    if os.environ.get("STAND_IN_FAILS") == module:
        print("no configuration for this planet", flush=True)
        sys.exit(3)
    ended = threading.Event()
    deaf = os.environ.get("STAND_IN_DEAF") == module
    signal.signal(signal.SIGTERM, signal.SIG_IGN if deaf else lambda *_: ended.set())
    if os.environ.get("STAND_IN_HAS_CHILD") == module:
        subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(os.environ[address_variable])
    server.start()
    ended.wait()
    if diary := os.environ.get("STAND_IN_DIARY"):
        with redis.Redis.from_url(os.environ["REDIS_URL"]) as store, Path(diary).open("a") as pages:
            pages.write(f"{module} {'with' if store.ping() else 'without'} server\n")
    server.stop(grace=None).wait()
