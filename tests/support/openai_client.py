"""Asks the stand-in provider without anything in between, for tests of what is made of its answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from analysis_worker.domain.conversation import Conversation
from analysis_worker.domain.result import Dimension, DimensionResult
from analysis_worker.engines.local.engine import LocalEngine
from analysis_worker.engines.openai.adapter import OpenAiAdapter
from analysis_worker.engines.openai.asking import Client
from analysis_worker.engines.openai.combine import combined
from analysis_worker.engines.openai.findings import Found
from analysis_worker.engines.openai.outbound import Outbound
from support.straight_calls import StraightCalls


@asynccontextmanager
async def straight_client(url: str) -> AsyncIterator[Client]:
    """Yield a client of a provider."""
    async with OpenAiAdapter("sk-test", base_url=url, timeout_s=20) as adapter:
        yield Client(adapter, StraightCalls(), "t", "ai-1", 1)


def made_of(said: Conversation, dimension: Dimension, outbound: Outbound, found: Found) -> DimensionResult:
    """Return a dimension as a worker puts it together from the local engine's and a model's."""
    engine = LocalEngine()
    document = engine.prepare(said)
    return combined(engine.analyze(document, dimension), outbound, found, lambda: document)
