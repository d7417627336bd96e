"""Callers are killed between and during paid calls: nothing recorded is asked again, repeats are counted."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import redis

from common.provider.models import DEFAULT_MODEL
from common.store.keys import provider_keys
from common.store.operation import SyncRunner
from common.store.provider.budgets import read_budgets
from common.store.provider.calls import answer_id
from common.store.provider.operating import describe_model
from support.waiting import wait_until

#: Kills of one run; the bar is fifty.
KILLS = int(os.environ.get("PAID_KILLS", "8"))
CALLS_AT_ONCE = 4
CALLS = 12 * KILLS
PROGRAM = Path(__file__).parents[1] / "support" / "programs" / "paid_caller.py"
KEYS = provider_keys("bothsides", "openai", DEFAULT_MODEL)


class Provider(ThreadingHTTPServer):
    """Answers each request after a while, and counts how often each was sent."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.sent: Counter[int] = Counter()
        self.lock = threading.Lock()


class Answering(BaseHTTPRequestHandler):
    """One request of a provider."""

    server: Provider

    def do_GET(self) -> None:
        number = int(self.path.removeprefix("/"))
        with self.server.lock:
            self.server.sent[number] += 1
        time.sleep(random.uniform(0.02, 0.1))  # what a call takes
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _has(raw: Any, answers: int) -> bool:
    return bool(raw.zcard(KEYS.prefix + "answers") >= answers)


@pytest.mark.timeout(300)
def test_nothing_recorded_is_asked_again(client: redis.Redis, valkey: str, provider: Provider) -> None:
    raw: Any = client
    ids = {answer_id("t", str(number), 0).encode(): number for number in range(CALLS)}
    command = [sys.executable, str(PROGRAM), valkey, f"http://127.0.0.1:{provider.server_port}"]
    command += [str(CALLS), str(CALLS_AT_ONCE)]
    kills, ended = 0, False
    known: dict[int, int] = {}
    while not ended:
        answered = raw.zcard(KEYS.prefix + "answers")
        with subprocess.Popen(command, stdout=subprocess.PIPE) as caller:
            if kills < KILLS:
                # Each is killed somewhere within its next few calls.
                wanted = min(CALLS, answered + random.randint(1, 10))
                wait_until(partial(_has, raw, wanted))
                caller.kill()
                kills += 1
            out, _ = caller.communicate(timeout=60)
            ended = b"all are answered" in out
        for number, times in known.items():
            assert provider.sent[number] == times, "a recorded answer was asked for again"
        known = {ids[each]: provider.sent[ids[each]] for each in raw.zrange(KEYS.prefix + "answers", 0, -1)}

    repeats = sum(times - 1 for times in provider.sent.values())
    report = SyncRunner(client).run(describe_model(KEYS))
    spent = SyncRunner(client).run(read_budgets("bothsides", "t")).total
    print(f"\n{kills} kills, {CALLS} calls, {repeats} made twice, {report.lapsed} counted as possibly so")
    assert kills == KILLS
    assert len(provider.sent) == CALLS
    assert repeats <= report.lapsed <= kills * CALLS_AT_ONCE
    assert spent.held_micro_usd == 0
    assert spent.calls + spent.lapsed_calls >= CALLS
