"""A worker whose operator forbids that text leaves, with a key and a provider that would answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

import analysis_worker
from bothsides.jobs import v1 as pb
from common.job.states import JobState
from support.debates import debate
from support.openai_author import honest
from support.openai_server import OpenAiServer, openai_server
from support.worker_program import Desk, worker_program

Spec = pb.TranscriptAnalysisSpec


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(honest) as served:
        yield served


def causes(desk: Desk, **spec: Any) -> set[str]:
    """Return why dimensions of a new analysis are degraded, once it has succeeded with all six."""
    done = desk.final(desk.analyse(desk.put(debate(10)), **spec))
    assert done.job.state is JobState.SUCCEEDED, done.job.error
    assert done.result is not None
    made = pb.JobResult.FromString(done.result.data).analysis.provenance
    assert len(made) == 6
    return {each.degraded_reason for each in made if each.degraded}


def test_where_it_is_forbidden_no_request_is_made_and_the_result_says_why(
    valkey: str, client: redis.Redis, tmp_path: Path, server: OpenAiServer
) -> None:
    with worker_program(
        valkey, tmp_path, OPENAI_API_KEY="sk-x", OPENAI_BASE_URL=server.url, OUTBOUND_TEXT="forbid"
    ):
        # Not even for who would rather wait than be local.
        for policy in (Spec.DEGRADE, Spec.FALLBACK, Spec.WAIT):
            assert causes(Desk(client), engine=Spec.OPENAI, on_unavailable=policy) == {"outbound_forbidden"}
        desk = Desk(client)
        reflection = pb.ReflectionProcessingSpec(text="I noticed that I had not listened to Ines. " * 5)
        read = desk.final(desk.order(pb.JobSpec(reflection_processing=reflection)))
        assert read.result is not None
        made = pb.JobResult.FromString(read.result.data).reflection.provenance
        assert (made.engine, made.degraded_reason) == ("local", "outbound_forbidden")
    assert not server.heard


def test_for_a_tenant_to_whom_it_is_forbidden_no_request_is_made(
    valkey: str, client: redis.Redis, tmp_path: Path, server: OpenAiServer
) -> None:
    with worker_program(
        valkey,
        tmp_path,
        OPENAI_API_KEY="sk-x",
        OPENAI_BASE_URL=server.url,
        OUTBOUND_TEXT_FORBIDDEN_TENANTS="acme",
    ):
        assert causes(Desk(client, tenant="acme")) == {"outbound_forbidden"}
        assert not server.heard
        assert causes(Desk(client, tenant="globex")) == set()
        assert server.heard


def test_the_gate_is_the_only_way_to_a_provider() -> None:
    """Who sends by himself passes by the door: the adapter is only handed on, as what to send."""
    uses = [
        (path.name, line.strip())
        for path in Path(analysis_worker.__path__[0]).rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if re.search(r"adapter\.(?!close|provider|py)\w+", line) and not line.startswith(("from ", "import "))
    ]
    assert len(uses) >= 2
    assert [use for use in uses if "partial(client.adapter." not in use[1]] == []
