"""Drives a provider at ten times its quota, from several processes, and counts what became of the calls."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import itertools
import json
import multiprocessing
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Final

import httpx2
import openai

from analysis_worker.paid.gate import PaidGate
from analysis_worker.paid.port import Call, CallHeld, Reply, Usage
from common.provider.errors import ConnectionFailed, ProviderFailure, RateLimited, ServerFailed
from common.provider.limits import told_by
from common.provider.models import DEFAULT_MODEL, ModelTable
from common.provider.tokens import estimate_tokens
from common.settings import StoreSettings
from common.store.clients import async_redis_client
from common.store.operation import AsyncRunner
from measure.provider import Provider

#: Ten times as many calls are there as fit.
DEMAND: Final = 10
#: What may come back (tokens). With the texts below a call is some 340 tokens in the mean, so that both
#: limits bind.
OUTPUT_TOKENS: Final = 150
_TEXT: Final = "the council says night trains cost less than new roads but few people ride them in winter"
_WORDS: Final = tuple(_TEXT.split(" "))


@dataclass
class Outcome:
    """What the provider was sent, and said."""

    answered: int = 0
    refused: int = 0
    failed: int = 0
    #: By the provider's own count.
    tokens: int = 0
    #: Times that a job was given back, to come again later.
    held: int = 0
    #: Seconds since the start at which calls were answered, and their tokens.
    times: list[tuple[float, int]] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        self.answered += other.answered
        self.refused += other.refused
        self.failed += other.failed
        self.tokens += other.tokens
        self.held += other.held
        self.times += other.times


def drive(kind: str, processes: int, slots: int, store: str, provider: Provider, seconds: float) -> Outcome:
    """Run the calls; kind is "gate" or "plain"."""
    start = multiprocessing.get_context("spawn")
    jobs = int(DEMAND * provider.rpm * seconds / 60 / processes)
    children = []
    for number in range(processes):
        ours, theirs = start.Pipe()
        arguments = (kind, number, jobs, slots, store, provider.url, seconds, theirs)
        child = start.Process(target=_process, args=arguments, daemon=True)
        child.start()
        children.append((child, ours))
    for _, pipe in children:
        pipe.recv()  # it is ready
    for _, pipe in children:
        pipe.send("go")
    whole = Outcome()
    for child, pipe in children:
        whole.add(pipe.recv())
        child.join()
    return whole


def _process(
    kind: str, number: int, jobs: int, slots: int, store: str, url: str, seconds: float, pipe: Connection
) -> None:
    pipe.send("ready")
    pipe.recv()
    run = _through_the_gate if kind == "gate" else _plain
    pipe.send(run(number, jobs, slots, store, url, seconds))


def bodies(number: int) -> Iterator[dict[str, Any]]:
    """Return requests, no two alike."""
    drawn = random.Random(number)
    for count in itertools.count():
        words = " ".join(drawn.choices(_WORDS, k=drawn.randint(40, 240)))
        yield {
            "model": DEFAULT_MODEL,
            "messages": [{"role": "user", "content": f"{number}/{count}: {words}"}],
            "max_completion_tokens": OUTPUT_TOKENS,
        }


def _counted(outcome: Outcome, began: float, request: httpx2.Request, status: int) -> None:
    if status == 429:
        outcome.refused += 1
    elif status != 200:
        outcome.failed += 1
    else:
        tokens = len(request.content) // 4 + OUTPUT_TOKENS
        outcome.answered += 1
        outcome.tokens += tokens
        outcome.times.append((time.monotonic() - began, tokens))


# -- with everything that stands around a call ------------------------------------------------------


def _through_the_gate(number: int, jobs: int, slots: int, store: str, url: str, seconds: float) -> Outcome:
    return asyncio.run(_Worker(number, jobs, slots, seconds).run(store, url))


class _Worker:
    """A worker: slots, and a queue of jobs with one call each. A held job comes again when it was told."""

    def __init__(self, number: int, jobs: int, slots: int, seconds: float) -> None:
        self._number = number
        self._slots = slots
        self._seconds = seconds
        self._outcome = Outcome()
        self._fresh = itertools.islice(enumerate(bodies(number)), jobs)
        self._snoozed: list[tuple[float, int, dict[str, Any]]] = []

    async def run(self, store: str, url: str) -> Outcome:
        began = time.monotonic()

        async def heard(response: httpx2.Response) -> None:
            _counted(self._outcome, began, response.request, response.status_code)

        web = httpx2.AsyncClient(event_hooks={"response": [heard]})
        client = openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0, timeout=60, http_client=web)
        connected = async_redis_client(StoreSettings(store))
        gate = PaidGate(AsyncRunner(connected), "bench", models=ModelTable())
        working = [asyncio.create_task(self._work(gate, client)) for _ in range(self._slots)]
        await asyncio.sleep(self._seconds)
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        await client.close()
        await connected.aclose()
        return self._outcome

    async def _work(self, gate: PaidGate, client: openai.AsyncOpenAI) -> None:
        while True:
            job = self._next()
            if job is None:
                await asyncio.sleep(0.1)
                continue
            number, body = job
            try:
                await gate.ask(self._call(number, body), partial(_send, client, body))
            except CallHeld as held:
                self._outcome.held += 1
                heapq.heappush(self._snoozed, (held.until_ms / 1000, number, body))
            except ProviderFailure:
                heapq.heappush(self._snoozed, (time.time() + 2, number, body))

    def _next(self) -> tuple[int, dict[str, Any]] | None:
        """Return the job that has waited longest of those that may run."""
        if self._snoozed and self._snoozed[0][0] <= time.time():
            _, number, body = heapq.heappop(self._snoozed)
            return number, body
        return next(self._fresh, None)

    def _call(self, number: int, body: dict[str, Any]) -> Call:
        text = json.dumps(body)
        return Call(
            tenant="default",
            provider="openai",
            model=body["model"],
            request_sha256=hashlib.sha256(text.encode()).hexdigest(),
            sample=0,
            input_tokens=estimate_tokens(text),
            output_tokens=OUTPUT_TOKENS,
            expected_output_tokens=OUTPUT_TOKENS,
            job_id=f"ai-{self._number}-{number}",
            attempt=1,
        )


async def _send(client: openai.AsyncOpenAI, body: dict[str, Any]) -> Reply:
    try:
        raw = await client.chat.completions.with_raw_response.create(**body)
    except openai.RateLimitError as error:
        told = told_by(error.response.headers)
        raise RateLimited(retry_after_ms=told.retry_after_ms) from error
    except openai.APIConnectionError as error:
        raise ConnectionFailed from error
    except openai.APIStatusError as error:
        raise ServerFailed from error
    used = raw.parse().usage
    assert used is not None
    kept = ("x-ratelimit-", "retry-after")
    headers = {name: value for name, value in raw.headers.items() if name.startswith(kept)}
    return Reply(raw.content, Usage(used.prompt_tokens, 0, used.completion_tokens), headers)


# -- with the package alone -------------------------------------------------------------------------


def _plain(number: int, jobs: int, slots: int, store: str, url: str, seconds: float) -> Outcome:
    """Call from threads, with the two retries of the package; a call that fails is made again."""
    outcome, began, lock = Outcome(), time.monotonic(), threading.Lock()

    def heard(response: httpx2.Response) -> None:
        with lock:
            _counted(outcome, began, response.request, response.status_code)

    client = openai.OpenAI(
        base_url=url, api_key="k", timeout=60, http_client=httpx2.Client(event_hooks={"response": [heard]})
    )
    fresh = itertools.islice(bodies(number), jobs)

    def work() -> None:
        while time.monotonic() - began < seconds:
            with lock:
                body = next(fresh, None)
            if body is None:
                return
            while time.monotonic() - began < seconds:
                try:
                    client.chat.completions.create(**body)
                    break
                except openai.APIError:
                    continue

    with ThreadPoolExecutor(slots) as threads:
        for _ in range(slots):
            threads.submit(work)
    return outcome
