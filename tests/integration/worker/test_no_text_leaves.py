"""A worker whose operator forbids that text leaves, with a key and a provider that would answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

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
