"""A server that speaks S3, in a process of its own: moto's, which keeps buckets in its memory."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from bothsides_stack.ports import free_port
from support.waiting import wait_until

BUCKET = "payloads"


@dataclass(frozen=True)
class S3:
    """One server with one bucket."""

    port: int

    @property
    def url(self) -> str:
        return f"s3://{BUCKET}/jobs"

    @property
    def variables(self) -> Mapping[str, str]:
        """What leads a client to it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def make_bucket(self, name: str = BUCKET) -> bool:
        """Make a bucket; whether the server is there to do it."""
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}/{name}", method="PUT")
        try:
            with urllib.request.urlopen(asked, timeout=5):  # noqa: S310  # it is that of this machine
                return True
        except OSError:
            return False


@contextmanager
def s3_server() -> Iterator[S3]:
    """Run a server."""
    server = S3(free_port())
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(server.port)]
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        wait_until(server.make_bucket, timeout_s=60)
        yield server
    finally:
        process.terminate()
        process.wait()
