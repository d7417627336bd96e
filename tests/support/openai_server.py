"""A small HTTP server with OpenAI's chat completions and moderations: it answers, obeys or fails as told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: Takes a request's body; returns the text of the answer.
Author = Callable[[Mapping[str, Any]], str]
#: Takes a request's body; returns the usage that is told with the answer.
Counter = Callable[[Mapping[str, Any]], Mapping[str, int]]
#: Takes a text; returns the categories that it is flagged with.
Moderator = Callable[[str], Collection[str]]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens instead of an answer."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Close the connection before anything is said.
    drop: bool = False
    #: Say nothing until the client goes.
    silent: bool = False
    content_type: str = "application/json"


def error(
    status: int, code: str | None = None, message: str = "no", *, kind: str = "", **headers: str
) -> Fault:
    """Return a fault in the form of the provider's errors; `retry_after` becomes `retry-after`."""
    body = {"error": {"message": message, "type": kind or code, "code": code, "param": None}}
    return Fault(
        status,
        json.dumps(body).encode(),
        {name.replace("_", "-"): value for name, value in headers.items()},
    )


def completion(text: str | None, **changes: Any) -> bytes:
    """Return a completion; `finish_reason`, `refusal` and `usage` may be given."""
    message = {"role": "assistant", "content": text, "refusal": changes.pop("refusal", None)}
    choice = {"index": 0, "message": message, "finish_reason": changes.pop("finish_reason", "stop")}
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 64},
    }
    body = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    }
    return json.dumps({**body, **changes}).encode()


def moderation(texts: Sequence[str], moderator: Moderator) -> bytes:
    """Return a result for each text, in the published form."""
    results = []
    for text in texts:
        categories = {name: name in moderator(text) for name in ("hate", "violence", "self-harm/intent")}
        results.append({"flagged": any(categories.values()), "categories": categories})
    return json.dumps({"id": "modr-1", "model": "omni-moderation-latest", "results": results}).encode()


@dataclass
class OpenAiServer:
    """What it heard, and what it says."""

    url: str = ""
    #: Bodies as they came, with their headers.
    heard: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    #: Used up one by one before the author is asked.
    faults: list[Fault] = field(default_factory=list)
    #: What happens to all calls of a model, by its name.
    away: dict[str, Fault] = field(default_factory=dict)
    #: What happens to a request, by what it holds; None: it is answered.
    fault_of: Callable[[Mapping[str, Any]], Fault | None] = lambda _: None
    author: Author = lambda _: "{}"
    #: Bodies of moderations, apart from those of completions.
    moderated: list[bytes] = field(default_factory=list)
    moderator: Moderator = lambda _: ()
    #: What a moderation brings while it is set.
    moderation_fault: Fault | None = None
    #: The tokens that it counts, or how it counts; None: 100 in, 64 of them cached, and 20 out.
    usage: Mapping[str, int] | Counter | None = None
    #: Set once a client has gone from a silent call.
    gone: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    #: How many connections were made.
    connections: int = 0

    def requests(self) -> list[Any]:
        """Return the bodies, read."""
        return [json.loads(body) for body, _ in self.heard]

    def answer(self, body: Mapping[str, Any]) -> bytes:
        """Return what the author answers, as a completion."""
        usage = self.usage(body) if callable(self.usage) else self.usage
        counted = {} if usage is None else {"usage": usage}
        return completion(self.author(body), **counted)

    def next_fault(self, body: bytes, headers: dict[str, str]) -> Fault | None:
        with self.lock:
            self.heard.append((body, headers))
            if self.faults:
                return self.faults.pop(0)
        read = json.loads(body)
        return self.away.get(read["model"]) or self.fault_of(read)

    def moderate(self, body: bytes) -> Fault:
        with self.lock:
            self.moderated.append(body)
        return self.moderation_fault or Fault(body=moderation(json.loads(body)["input"], self.moderator))


@contextmanager
def openai_server(author: Author = lambda _: "{}") -> Iterator[OpenAiServer]:
    """Serve as long as the `with` lasts."""
    state = OpenAiServer(author=author)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            with state.lock:
                state.connections += 1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path.endswith("/moderations"):
                fault = state.moderate(body)
            else:
                headers = {name.lower(): value for name, value in self.headers.items()}
                told = state.next_fault(body, headers)
                fault = told or Fault(body=state.answer(json.loads(body)))
            if fault.silent:
                self.rfile.read(1)  # returns when the client closes
                state.gone.set()
            if fault.drop or fault.silent:
                self.close_connection = True
                return
            self.send_response(fault.status)
            for name, value in fault.headers.items():
                self.send_header(name, value)
            self.send_header("content-type", fault.content_type)
            self.send_header("content-length", str(len(fault.body)))
            self.end_headers()
            self.wfile.write(fault.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
