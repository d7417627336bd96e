"""Which dimensions models are asked for, however far the local engine has come meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from analysis_worker.domain.result import Dimension
from analysis_worker.engines.openai.access import ModelAccess
from analysis_worker.engines.openai.adapter import OpenAiAdapter
from analysis_worker.privacy.settings import Screening
from analysis_worker.runtime.children import ChildPool
from analysis_worker.runtime.context import JobContext, Ports
from analysis_worker.transcript.analysis import analyse
from analysis_worker.transcript.by_model import ASKED, Wish
from analysis_worker.transcript.plan import Pace
from analysis_worker.vault.port import KeptMap
from common.provider.models import ModelTable
from support.attempts import Nothing, RecordedAttempt
from support.debates import debate
from support.openai_author import honest
from support.openai_server import OpenAiServer, openai_server
from support.straight_calls import StraightCalls


class Watched(RecordedAttempt):
    """Tells when the local engine has made all dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.counted = asyncio.Event()

    def report(self, fraction: float, stage: str, **units: Any) -> None:
        if stage == "Weighing the argumentation":  # the last one
            self.counted.set()

    def spend(self, cpu_s: float, peak_bytes: int | None = None) -> None:
        pass


class LateVault:
    """Says what it has only when all else is on its way."""

    def __init__(self, may_answer: asyncio.Event) -> None:
        self._may_answer = may_answer

    async def load(self, tenant: str, conversation_id: str) -> KeptMap:
        await self._may_answer.wait()
        return KeptMap()

    async def keep(self, tenant: str, conversation_id: str, body: bytes, *, over: KeptMap) -> bool:
        return True


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(honest) as served:
        yield served


@pytest.fixture
def children() -> Iterator[ChildPool]:
    pool = ChildPool(2)
    yield pool
    pool.close()


async def test_models_are_asked_for_all_that_is_wanted_though_it_was_counted_first(
    server: OpenAiServer, children: ChildPool
) -> None:
    # Given a debate that is ready to leave only after the local engine has begun with the last dimension
    attempt, nothing = Watched(), Nothing()
    async with OpenAiAdapter("sk-test", base_url=server.url, timeout_s=20) as adapter:
        models = ModelAccess(adapter, ModelTable(), "gpt-6-luna", b"secret")
        vault = LateVault(attempt.counted)
        ports = Ports(
            nothing, nothing, children, nothing, nothing, StraightCalls(), models, vault, Screening()
        )
        # When it is analysed
        made = await analyse(
            "c",
            debate(8).SerializeToString(),
            list(Dimension),
            include_detailed=False,
            context=JobContext(attempt, ports),
            pace=Pace(),
            wish=Wish(),
        )
    # Then a model made all dimensions that it can be asked for
    engines = {each.dimension: each.engine for each in made.provenance}
    assert sorted(engines.values()) == ["local"] * (len(Dimension) - len(ASKED)) + ["openai"] * len(ASKED)
