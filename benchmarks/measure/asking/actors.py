"""An actor as anyone may write one: a job that is one call to a model, by the package alone."""

from __future__ import annotations

from functools import cache

import dramatiq
import openai

QUEUE = "bench_asking"


@cache
def _client() -> openai.AsyncOpenAI:
    """Return a client that finds key and address in the environment."""
    return openai.AsyncOpenAI(max_retries=0)


@dramatiq.actor(queue_name=QUEUE)
async def ask(text: str) -> None:
    """Ask, and throw the answer away."""
    await _client().chat.completions.create(
        model="gpt-6-luna", messages=[{"role": "user", "content": text}], max_completion_tokens=100
    )
