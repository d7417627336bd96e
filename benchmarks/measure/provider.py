"""The provider that calls are measured against: `llmock` in a process of its own."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import urllib.request
from types import TracebackType
from typing import Any, Final, Self

from bothsides_stack.ports import LOOPBACK, free_port

START_TIMEOUT_S: Final = 30.0
#: How long each call takes (s): drawn evenly between the two.
LATENCY_S: Final = (0.5, 3.0)
#: Scripted delays that one request of ours may carry.
_CHUNK: Final = 5_000
_SERVE: Final = "from llmock.cli import app; app()"


class Provider:
    """A provider with a quota, as long as the `with` lasts."""

    def __init__(self, rpm: int, tpm: int, seconds: float) -> None:
        self.rpm = rpm
        self.tpm = tpm
        self._calls = int(rpm * (seconds / 60 + 2) * 2)
        port = free_port()
        self._root = f"http://{LOOPBACK}:{port}"
        command = [sys.executable, "-c", _SERVE, "serve", "--host", LOOPBACK, "--port", str(port)]
        command += [
            "--rpm",
            str(rpm),
            "--tpm",
            str(tpm),
            "--log-level",
            "error",
            "--response-style",
            "static",
        ]
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the `openai` package finds it."""
        return f"{self._root}/v1"

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self._call("GET", "/health")
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        drawn = random.Random(7)
        delays = [
            {"type": "delay", "seconds": round(drawn.uniform(*LATENCY_S), 3)} for _ in range(self._calls)
        ]
        for at in range(0, len(delays), _CHUNK):
            self._call("POST", "/_llmock/scenario", {"behaviors": delays[at : at + _CHUNK]})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def verdict(self) -> str:
        """Return what it thinks of its clients: PASS, or what they did wrong, and how often."""
        told = json.loads(self._call("GET", "/_llmock/verdict"))
        wrong: dict[str, int] = {}
        for finding in told["findings"]:
            wrong[finding["code"]] = wrong.get(finding["code"], 0) + 1
        listed = ", ".join(f"{code} {count}" for code, count in sorted(wrong.items()))
        return ("PASS" if told["passed"] else "FAIL") + (f" ({listed})" if listed else "")

    def _call(self, method: str, path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._root + path, data, method=method)  # noqa: S310 - ours
        with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
            read: bytes = reply.read()
            return read
