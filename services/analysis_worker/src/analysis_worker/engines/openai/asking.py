"""Asks one model for one window: the call behind the port, what mends an answer, and what gives up on it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Generic, TypeVar

from pydantic import BaseModel

from analysis_worker.engines.openai.adapter import OpenAiAdapter
from analysis_worker.engines.openai.answers import read_answer
from analysis_worker.engines.openai.departures import Departures
from analysis_worker.engines.openai.outbound import Outbound, Window, messages_of
from analysis_worker.engines.openai.prompts import cache_key, prompt, system_text
from analysis_worker.engines.openai.request import Message, ModelRequest, request_of
from analysis_worker.engines.openai.schemas import Checked
from analysis_worker.paid.port import Call, PaidCalls, Reply
from common.provider.errors import (
    ConnectionFailed,
    InvalidOutput,
    OutputTruncated,
    ServerFailed,
    Timeout,
)
from common.provider.models import ModelCard
from common.provider.planning import EXPECTED_TOKENS, OUTPUT_TOKENS

T = TypeVar("T", bound=BaseModel)
#: Violations that a repair prompt names.
_MAX_NAMED: Final = 50
#: A call that failed in passing is made once more, after up to this (s).
_PAUSE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Client:
    """For whom calls are made, and through what."""

    adapter: OpenAiAdapter
    calls: PaidCalls
    tenant: str
    job_id: str
    attempt: int
    batch_id: str = ""
    #: The most that the job's calls may cost (millionths of a dollar); 0: no such bound.
    max_cost_micro_usd: int = 0
    force_refresh: bool = False
    departures: Departures = field(default_factory=Departures)


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """What is asked of each window."""

    #: The prompt's name.
    name: str
    schema: type[T]
    check: Callable[[Outbound, Window, T], Checked[T]]
    swapped: bool = False
    blind: bool = False


async def ask_window(
    client: Client, card: ModelCard, debate: Outbound, window: Window, question: Question[T]
) -> Checked[T]:
    """Return a checked answer; it is repaired at most once.

    Raises:
        ProviderFailure: The call failed, or its answer could not be mended.
        CallHeld: It may not be made yet; or BudgetSpent.
        OriginalInPayload: Personal data would have left the process.
    """
    await window.come()
    about_and_sent = messages_of(debate, window, swapped=question.swapped, blind=question.blind)

    def check(answer: T) -> Checked[T]:
        return question.check(debate, window, answer)

    return await ask(client, card, question.name, about_and_sent, question.schema, check)


async def ask(
    client: Client,
    card: ModelCard,
    name: str,
    data: Sequence[str],
    schema: type[T],
    check: Callable[[T], Checked[T]],
) -> Checked[T]:
    """Return a checked answer to the prompt of a name, about data; it is repaired at most once.

    Args:
        data: JSON, a message each. Nobody looks for personal data in it any more.

    Raises:
        ProviderFailure: The call failed, or its answer could not be mended.
        CallHeld: It may not be made yet; or BudgetSpent.
    """
    messages = [Message("system", system_text(name)), *(Message("user", each) for each in data)]
    try:
        checked = check(await _answer(client, card, messages, name, schema))
        if not checked.violations:
            return checked
        told = "\n".join(checked.violations[:_MAX_NAMED])
    except InvalidOutput as failure:
        checked, told = None, str(failure)
    mend = [*messages, Message("user", f"{prompt('repair').text}\n{told}")]
    try:
        repaired = check(await _answer(client, card, mend, name, schema))
    except (InvalidOutput, OutputTruncated):
        if checked is None:
            raise
        return checked
    if checked is not None and len(checked.violations) < len(repaired.violations):
        return checked
    return repaired


async def _answer(
    client: Client, card: ModelCard, messages: Sequence[Message], name: str, schema: type[T]
) -> T:
    """Return an answer that is whole, if need be with twice the room, as far as the model has it."""
    request = request_of(card, messages, schema, output_tokens=OUTPUT_TOKENS, cache_key=cache_key(name))
    try:
        return read_answer(await _paid(client, request), schema)
    except OutputTruncated:
        room = min(2 * OUTPUT_TOKENS, card.max_output_tokens)
        if room <= request.output_tokens:
            raise
        longer = ModelRequest({**request.body, "max_completion_tokens": room})
        return read_answer(await _paid(client, longer), schema)


async def _paid(client: Client, request: ModelRequest) -> bytes:
    call = Call(
        tenant=client.tenant,
        provider=client.adapter.provider,
        model=request.model,
        request_sha256=request.sha256,
        sample=0,
        input_tokens=request.input_tokens,
        output_tokens=request.output_tokens,
        expected_output_tokens=min(EXPECTED_TOKENS, request.output_tokens),
        job_id=client.job_id,
        attempt=client.attempt,
        batch_id=client.batch_id,
        max_cost_micro_usd=client.max_cost_micro_usd,
        force_refresh=client.force_refresh,
    )
    over_the_wire = partial(client.adapter.send, request)
    with client.departures.one() as leave:

        async def send() -> Reply:
            leave()
            return await over_the_wire()

        try:
            return (await client.calls.ask(call, send)).body
        except (ServerFailed, ConnectionFailed, Timeout) as failure:
            if failure.retry_after_ms is not None:
                raise
            await asyncio.sleep(random.uniform(0, _PAUSE_S))
            return (await client.calls.ask(call, send)).body
