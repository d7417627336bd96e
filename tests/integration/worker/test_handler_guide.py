"""The examples of docs/handlers.md, as they stand there, on a real broker and worker."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq.results.backends import RedisBackend

from analysis_worker.runtime.actors import declare_actors, load_actor_modules
from analysis_worker.runtime.children import ChildPool
from analysis_worker.runtime.context import Ports
from analysis_worker.runtime.isolation import IsolatedActors
from analysis_worker.runtime.registry import discover
from analysis_worker.sinks.store import StoredAnalyses
from analysis_worker.sources.analyses import KeptAnalyses
from analysis_worker.sources.store import StoredConversations
from bothsides.jobs import v1 as pb
from common.broker import JobBroker
from common.job.states import JobState
from common.job.types import DATA_PROCESSING, JobType
from common.store import jobs
from common.store.operation import ThreadRunner
from support.waiting import wait_until
from support.worker_program import NAMESPACE, Desk
from support.workers import working

GUIDE = Path(__file__).parents[3] / "docs" / "handlers.md"
WORD_COUNT = JobType("WORD_COUNT", DATA_PROCESSING)


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the guide's blocks importable: a package of handlers, and modules of actors."""
    handler, actors, isolated, results = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (tmp_path / "guide_handlers").mkdir()
    (tmp_path / "guide_handlers" / "__init__.py").write_text("")
    (tmp_path / "guide_handlers" / "word_count.py").write_text(handler)
    (tmp_path / "guide_actors.py").write_text(actors)
    (tmp_path / "guide_isolated.py").write_text(isolated)
    (tmp_path / "guide_results.py").write_text(results)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in [name for name in sys.modules if name.startswith("guide_")]:
        del sys.modules[name]


@pytest.fixture
def broker(client: redis.Redis) -> Iterator[JobBroker]:
    made = JobBroker(client, namespace=NAMESPACE)
    yield made
    made.close()


def log_of(desk: Desk, broker: JobBroker, job_id: str) -> list[tuple[str, dict[str, Any]]]:
    page = desk.run(jobs.read_log(broker.queues[DATA_PROCESSING], job_id))
    return [(logged.line.message, dict(logged.line.fields)) for logged in page.lines]


@pytest.mark.usefixtures("examples")
def test_the_guides_handler_counts_goes_on_where_it_stood_and_waits_for_a_transcript(
    client: redis.Redis, broker: JobBroker
) -> None:
    import guide_handlers  # type: ignore[import-not-found]

    desk, pool = Desk(client), ChildPool(1)
    runner = ThreadRunner(broker.runner)
    analyses = StoredAnalyses(runner, NAMESPACE)
    kept = KeptAnalyses(runner, NAMESPACE)
    ports = Ports(StoredConversations(runner, NAMESPACE), analyses, pool, kept, analyses)
    # A spec with the one field that the guide's has.
    declare_actors(
        broker,
        discover(guide_handlers, [WORD_COUNT]),
        [WORD_COUNT],
        ports,
        spec_of=lambda _: pb.TranscriptAnalysisSpec,
    )
    actor = broker.get_actor("word_count")
    turns = [pb.Turn(turn_id=str(number), text="two words") for number in range(120)]
    try:
        # Given a job whose last attempt had come to turn 100 and had counted 7 words by then
        desk.put(pb.Conversation(conversation_id="long", turns=turns))
        later = actor.send(spec={"conversation_id": "long"}).options["job_id"]
        client.set(broker.queues[DATA_PROCESSING].checkpoint(later), b"[100, 7]")
        with working(broker):
            # And one that begins
            first = actor.send(spec={"conversation_id": "long"}).options["job_id"]
            for job_id, words in ((first, 240), (later, 47)):
                done = desk.final(job_id, DATA_PROCESSING)
                assert done.result is not None
                assert pb.JobResult.FromString(done.result.data).generic.number_value == words
                assert log_of(desk, broker, job_id) == [("Counted the words", {"words": words, "turns": 120})]

            # Given a debate in which nobody has spoken, it waits
            desk.put(pb.Conversation(conversation_id="empty"))
            job_id = actor.send(spec={"conversation_id": "empty"}).options["job_id"]
            wait_until(lambda: desk.job(job_id, DATA_PROCESSING).attempt == 1)
            job = desk.wait_for(job_id, JobState.PENDING, DATA_PROCESSING)
            assert job.spent == 0
    finally:
        pool.close()


@pytest.mark.usefixtures("examples")
def test_the_guides_actor_stores_its_result_where_dramatiq_looks_for_it(
    valkey: str, broker: JobBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", valkey)
    before = dramatiq.broker.global_broker
    try:
        load_actor_modules(broker, ["guide_results"])
        with working(broker):
            sent = broker.get_actor("add").send(40, 2)
            assert sent.get_result(block=True, timeout=20_000) == 42
    finally:
        dramatiq.broker.global_broker = before
        backend = broker.get_results_backend()
        assert isinstance(backend, RedisBackend)
        backend.client.close()


@pytest.mark.usefixtures("examples")
def test_the_guides_actors_run_as_they_stand(client: redis.Redis, broker: JobBroker) -> None:
    desk, before, pool = Desk(client), dramatiq.broker.global_broker, ChildPool(1)
    broker.add_middleware(IsolatedActors(pool))
    try:
        load_actor_modules(broker, ["guide_actors", "guide_isolated"])
    finally:
        dramatiq.broker.global_broker = before
    with working(broker):
        resized = desk.call("resize_all", ["a.png", "b.png"])
        fetched = desk.call("fetch_all", ["https://host/?token=abc"])
        found = desk.call("occurs", "[bc]+d", "abcd")
        results = [desk.final(job_id, DATA_PROCESSING).result for job_id in (resized, fetched, found)]
    pool.close()

    assert [json.loads(result.data) for result in results if result is not None] == [2, 1, True]
    assert log_of(desk, broker, resized) == [("Resized", {"files": 2})]
    assert log_of(desk, broker, fetched) == [("Fetching", {"place": 0, "url": "https://host/?token=[TOKEN]"})]
