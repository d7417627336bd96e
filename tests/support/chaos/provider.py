"""A provider that takes its time, counts what it is asked, and is broken in each of the ways there are."""

from __future__ import annotations

import hashlib
import json
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from common.store.provider.calls import answer_id
from support.openai_author import honest
from support.openai_server import Author, completion, error
from support.waiting import wait_until

#: What each way of failing does to a call. "well" is none of them; "refused" lets nobody connect.
FAULTS = (
    *("500", "503", "silence", "refused", "reset", "429", "429-retry-after"),
    *("quota", "401", "html", "cut-json", "slow"),
)
#: What a provider says that asks to wait (s).
RETRY_AFTER_S = 2
_ANSWERED = {
    "500": error(500, "server_error"),
    "503": error(503, "overloaded"),
    "429": error(429, "rate_limit_exceeded"),
    "429-retry-after": error(429, "rate_limit_exceeded", retry_after=str(RETRY_AFTER_S)),
    "quota": error(429, "insufficient_quota", kind="insufficient_quota"),
    "401": error(401, "invalid_api_key"),
}


class FailingProvider:
    """Answers as `author` would, after a while, unless it is told to fail.

    Args:
        latency_s: What a call takes, drawn evenly between the two.
    """

    def __init__(self, *, latency_s: tuple[float, float] = (0.05, 0.2), author: Author = honest) -> None:
        self.latency_s = latency_s
        self.author = author
        self.way = "well"
        #: How often each answer was asked for, by its id in the ledger of the tenant "default".
        self.sent: Counter[str] = Counter()
        #: What met each way.
        self.met: Counter[str] = Counter()
        #: When calls came in (s, monotonic), in any way.
        self.arrivals: list[float] = []
        self.lock = threading.Lock()
        self._server: _Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def answered(self) -> int:
        return self.met["well"]

    def wait_for_answers(self, more: int) -> None:
        """Wait until that many more calls have been answered."""
        wanted = self.answered + more
        wait_until(lambda: self.answered >= wanted, timeout_s=60)

    def fail(self, way: str) -> None:
        """Fail in this way from now on; "well" ends it."""
        if way == "refused":
            self.close()
        elif self._server is None:
            self.open()
        self.way = way

    def open(self) -> None:
        """Take calls, always at the same port."""
        self._server = _Server(self, self._port)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Take no calls any more, and cut the connections there are."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            server.cut()


@contextmanager
def failing_provider(**settings: Any) -> Iterator[FailingProvider]:
    """Serve as long as the `with` lasts."""
    provider = FailingProvider(**settings)
    provider.open()
    try:
        yield provider
    finally:
        provider.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, provider: FailingProvider, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Call)
        self.provider = provider
        self.closed = threading.Event()
        self._connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        self.closed.set()
        for connection in tuple(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: callers are killed here, and connections are cut."""


class _Call(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        provider = self.server.provider
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        way = provider.way
        with provider.lock:
            provider.arrivals.append(time.monotonic())
            provider.sent[id_of(body)] += 1
            provider.met[way] += way != "well"
        if way in _ANSWERED:
            said = _ANSWERED[way]
            return self._say(said.body, status=said.status, headers=dict(said.headers))
        if way == "silence":
            return self._wait_until_the_caller_goes()
        if way == "html":
            return self._say(b"<html><body>Bad gateway</body></html>", kind="text/html")
        answer = completion(provider.author(body))
        if way == "cut-json":
            return self._say(answer[: len(answer) // 2])
        if way == "reset":
            return self._reset(answer)
        if way == "slow":
            return self._dribble(answer)
        self.server.closed.wait(random.uniform(*provider.latency_s))  # what a call takes
        self._say(answer)
        with provider.lock:
            provider.met["well"] += 1
        return None

    def _say(
        self,
        body: bytes,
        *,
        status: int = 200,
        kind: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        self._head(len(body), status, kind, headers or {})
        self.wfile.write(body)

    def _head(self, length: int, status: int, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(length))
        self.end_headers()

    def _wait_until_the_caller_goes(self) -> None:
        self.close_connection = True
        self.rfile.read(1)

    def _reset(self, answer: bytes) -> None:
        """Break the connection in the middle of the body (RST)."""
        self._head(len(answer), 200, "application/json", {})
        self.wfile.write(answer[: len(answer) // 2])
        self.wfile.flush()
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _dribble(self, answer: bytes) -> None:
        """Say a byte at a time, so slowly that no caller waits for the last."""
        self.close_connection = True
        self._head(len(answer), 200, "application/json", {})
        for at in range(len(answer)):
            self.wfile.write(answer[at : at + 1])
            if self.server.closed.wait(0.2):
                return

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing."""


def id_of(body: Any) -> str:
    """Return the id of a request's answer in the ledger, of the tenant "default" and the first sample."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return answer_id("default", hashlib.sha256(text.encode()).hexdigest(), 0)
