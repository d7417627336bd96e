"""What stands around a call: of one that is made, and of one whose answer is in the ledger."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Sequence

from analysis_worker.paid.gate import PaidGate
from analysis_worker.paid.port import Call, Reply, Usage
from bothsides_stack.embedded import EmbeddedServer
from common.provider.models import DEFAULT_MODEL, ModelTable
from common.provider.tokens import estimate_tokens
from common.settings import StoreSettings
from common.store.clients import async_redis_client
from common.store.operation import AsyncRunner
from measure.asking.debates import debate
from measure.machine import Meter
from measure.report import Ratio, Row, Sample, Section

#: The size of an answer (bytes), of the words of a real one.
_ANSWER_BYTES = 8_000
_WORDS = 1_500


def ledger(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Measure the gate with calls that take no time, one after the other."""
    rows = {"a call that is made": Row("a call that is made"), "a recorded answer": Row("a recorded answer")}
    for number in range(rounds):
        for name, sample in asyncio.run(_round(server, int(400 * scale), number)).items():
            rows[name].samples.append(sample)
    return Section(
        "Around a call: the gate's part of it, one call after the other",
        "ms",
        list(rows.values()),
        [Ratio("recorded / made", rows["a recorded answer"], rows["a call that is made"], "no bar")],
        notes=["the time of the provider and of HTTP is not in it"],
    )


async def _round(server: EmbeddedServer, count: int, number: int) -> dict[str, Sample]:
    client = async_redis_client(StoreSettings(server.url))
    gate = PaidGate(AsyncRunner(client), "bench", models=ModelTable())
    text = " ".join(turn.text for turn in debate(_WORDS, number).turns)
    answer = json.dumps({"said": text})[:_ANSWER_BYTES].encode()
    calls = [_call(f"{number}/{at}", text) for at in range(count)]
    try:
        return {
            "a call that is made": await _timed(server, gate, calls, answer),
            "a recorded answer": await _timed(server, gate, calls, answer),
        }
    finally:
        await client.aclose()


async def _timed(server: EmbeddedServer, gate: PaidGate, calls: Sequence[Call], answer: bytes) -> Sample:
    async def send() -> Reply:
        return Reply(answer, Usage(2_000, 0, 2_000), {})

    with Meter({"worker": os.getpid(), "store": server.pid}) as meter:
        began = time.perf_counter()
        for call in calls:
            await gate.ask(call, send)
        took_s = time.perf_counter() - began
    return Sample(1_000 * took_s / len(calls), meter.cpu_us(len(calls)))


def _call(name: str, text: str) -> Call:
    return Call(
        tenant="default",
        provider="openai",
        model=DEFAULT_MODEL,
        request_sha256=hashlib.sha256(name.encode()).hexdigest(),
        sample=0,
        input_tokens=estimate_tokens(text),
        output_tokens=6_000,
        expected_output_tokens=2_000,
        job_id=f"ai-{name}",
        attempt=1,
    )
