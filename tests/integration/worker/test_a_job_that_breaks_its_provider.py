"""A job that waits for its provider, and whose own request is what makes it fail, ends; the others go on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from bothsides.jobs import v1 as pb
from common.job.ids import JobId
from common.job.model import ErrorClass
from common.job.states import JobState
from support.debates import debate
from support.openai_author import honest
from support.openai_server import Fault, OpenAiServer, error, openai_server
from support.waiting import wait_until
from support.worker_program import Desk, worker_program

#: Said in one debate alone.
SAID = "it is about turnips and marmalade"


def breaks(body: Mapping[str, Any]) -> Fault | None:
    return error(500) if SAID in body["messages"][2]["content"] else None


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(honest) as served:
        served.fault_of = breaks
        yield served


def is_between_attempts(desk: Desk, job_id: JobId, number: int) -> bool:
    job = desk.job(job_id)
    return job.state.is_final or (job.attempt > number and not job.state.is_leased)


@pytest.mark.outage
@pytest.mark.timeout(300)
def test_it_spends_its_attempts_and_fails_with_a_way_out(
    valkey: str, client: redis.Redis, tmp_path: Path, server: OpenAiServer
) -> None:
    desk = Desk(client)
    bad = debate(4, conversation_id="bad")
    bad.turns[1].text += f" Really, {SAID}."
    desk.put(bad)
    wish: dict[str, Any] = {
        "dimensions": [pb.DIMENSION_ARGUMENTS],
        "models": ["gpt-6-luna"],
        "on_unavailable": pb.TranscriptAnalysisSpec.WAIT,
    }
    asking = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": server.url}
    with worker_program(valkey, tmp_path, serving=True, **asking):
        broken = desk.analyse("bad", **wish)
        # While one of others comes now and then, between two of its attempts, and is answered
        for number in itertools.count():
            wait_until(partial(is_between_attempts, desk, broken, number), timeout_s=60)
            other = desk.put(debate(4, conversation_id=f"well-{number}", seed=number + 2))
            assert desk.final(desk.analyse(other, **wish)).job.state is JobState.SUCCEEDED
            job = desk.job(broken)
            if job.state.is_final:
                break
    assert job.state is JobState.FAILED
    assert job.spent == job.retry.max_attempts
    # It was given back while that might have been an outage
    assert job.attempt > job.spent
    assert job.error is not None
    assert (job.error.error_class, job.error.reason) == (ErrorClass.TRANSIENT, "REQUEST_BREAKS_PROVIDER")
    assert "on_unavailable=DEGRADE" in job.error.suggestion
