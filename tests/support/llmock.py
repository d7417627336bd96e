"""`llmock`, a provider that others wrote, in a process of its own: what it was asked, and what it counted."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bothsides_stack.ports import LOOPBACK, free_port
from support.waiting import wait_until

_SERVE = "from llmock.cli import app; app()"


@dataclass(frozen=True)
class Llmock:
    """Where it is."""

    root: str

    @property
    def url(self) -> str:
        """Where the `openai` package finds it."""
        return f"{self.root}/v1"

    def answers(self) -> bool:
        try:
            self._call("GET", "/health")
        except OSError:
            return False
        return True

    def asked(self) -> list[dict[str, Any]]:
        """Return the bodies of the calls that it has answered."""
        told = self._call("GET", "/_llmock/requests")
        return [each["body"] for each in told["requests"] if each["status"] == 200 and each["body"]]

    def usage_of(self, body: dict[str, Any]) -> tuple[int, int]:
        """Return the tokens, in and out, that it counts for a call: for equal calls the same."""
        used = self._call("POST", "/v1/chat/completions", body)["usage"]
        return used["prompt_tokens"], used["completion_tokens"]

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "authorization": "Bearer sk-test"}
        request = urllib.request.Request(self.root + path, data, headers, method=method)  # noqa: S310 - ours
        with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
            return json.loads(reply.read())


@contextmanager
def llmock(*, latency_ms: int = 0) -> Iterator[Llmock]:
    """Serve as long as the `with` lasts."""
    port = free_port()
    command = [sys.executable, "-c", _SERVE, "serve", "--host", LOOPBACK, "--port", str(port)]
    command += ["--log-level", "error", "--response-style", "static", "--latency-ms", str(latency_ms)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    served = Llmock(f"http://{LOOPBACK}:{port}")
    try:
        wait_until(served.answers, timeout_s=60)
        yield served
    finally:
        process.kill()
        process.wait()
