"""A provider whose calls all take the same time: an HTTP server in a process of its own.

    python -m measure.asking.provider PORT SECONDS

It answers as a model would that does its work, so that answers have a length that occurs. GET /times tells
when each call came and went (s, by the clock that all processes share). The answer is made before the call's
time is over; on a machine that has nothing left, calls take longer than they should: the times show it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from bothsides_stack.ports import LOOPBACK, free_port
from measure.programs import running
from measure.workers import monotonic_s

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_SMALL = re.compile(r"(?<!\S)[a-z]{8,}(?![^\s.,;:?!])")
_PARTS = ("cogency", "effectiveness", "reasonableness", "deliberation")
#: A claim or premise in so many sentences; a topic in so many turns.
_ARGUES = 3
_TOPIC = 12


@contextmanager
def provider(call_s: float) -> Iterator[Provider]:
    """Run one; each of its calls takes `call_s`."""
    port = free_port()
    command = [sys.executable, "-m", "measure.asking.provider", str(port), str(call_s)]
    with running(command) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield Provider(port)


class Provider:
    """Where it is, and what it has seen."""

    def __init__(self, port: int) -> None:
        self._root = f"http://{LOOPBACK}:{port}"

    @property
    def url(self) -> str:
        return f"{self._root}/v1"

    def times(self) -> list[tuple[float, float]]:
        """Return when each call came and went since this was asked last."""
        with urllib.request.urlopen(f"{self._root}/times", timeout=30) as reply:  # noqa: S310 - ours
            return [(came, went) for came, went in json.load(reply)]


class _Server:
    def __init__(self, call_s: float) -> None:
        self._call_s = call_s
        self._times: list[tuple[float, float]] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET"):
                    told, self._times = json.dumps(self._times).encode(), []
                    _write(writer, told)
                    continue
                came = monotonic_s()
                length = _LENGTH.search(head)
                body = json.loads(await reader.readexactly(int(length[1]) if length else 0))
                reply = _completion(body)
                await asyncio.sleep(came + self._call_s - monotonic_s())
                _write(writer, reply)
                self._times.append((came, monotonic_s()))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def _write(writer: asyncio.StreamWriter, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)


def _completion(body: Mapping[str, Any]) -> bytes:
    text = json.dumps(answer(body)) if "response_format" in body else "Yes."
    message = {"role": "assistant", "content": text, "refusal": None}
    usage = {"prompt_tokens": len(str(body["messages"])) // 4, "completion_tokens": len(text) // 4}
    made = {"id": "c", "object": "chat.completion", "created": 1, "model": body["model"], "usage": usage}
    return json.dumps(
        {**made, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    ).encode()


def answer(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a model would say that keeps to the rules."""
    turns = json.loads(body["messages"][2]["content"])["turns"]
    match body["response_format"]["json_schema"]["name"]:
        case "ToneAnswer":
            said = [
                each["id"] for turn in turns if turn["speaker"] == "debater" for each in turn["sentences"]
            ]
            return {"sentences": [{"sid": sid, "valence": 1} for sid in said]}
        case "TopicsAnswer":
            begins = range(0, len(turns), _TOPIC)
            return {"segments": [_topic(turns[at : at + _TOPIC]) for at in begins]}
    told = json.loads(body["messages"][1]["content"])["participants"]
    debaters = {row["speaker"] for row in told if row["role"] == "debater"}
    own: dict[str, list[str]] = {who: [] for who in sorted(debaters)}
    for turn in turns:
        if turn["speaker"] in debaters:
            own[turn["speaker"]] += (each["id"] for each in turn["sentences"])
    if body["response_format"]["json_schema"]["name"] == "QualityAnswer":
        why = "Their reasons are given, and the other side's are met."
        return {
            "ratings": [
                {"speaker": who, "part": part, "why": why, "sids": sids[:3], "score": 3}
                for who, sids in own.items()
                if sids
                for part in _PARTS
            ]
        }
    argued = [sid for sids in own.values() for sid in sids[::_ARGUES]]
    return {
        "components": [
            {"sid": sid, "kind": "premise" if at % 2 else "claim"} for at, sid in enumerate(argued)
        ],
        "relations": [
            {"source": after, "target": before, "kind": "support"}
            for before, after in list(pairwise(argued))[::2]
        ],
        "fallacies": [{"why": "It leaps.", "sid": sid, "kind": "false_cause"} for sid in argued[:1]],
    }


def _topic(turns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    words = _SMALL.findall(" ".join(each["text"] for turn in turns for each in turn["sentences"]))
    return {"first": turns[0]["sentences"][0]["id"], "label": " ".join(words[:4]), "coherence": 3}


async def _serve(port: int, call_s: float) -> None:
    server = await asyncio.start_server(_Server(call_s).connected, LOOPBACK, port, limit=1 << 20)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
