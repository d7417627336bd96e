"""Handlers on a real broker and worker, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from google.protobuf.json_format import MessageToDict

from analysis_worker.runtime.actors import ActorModulesMissing, declare_actors, load_actor_modules
from analysis_worker.runtime.children import ChildPool
from analysis_worker.runtime.context import Ports
from analysis_worker.runtime.registry import discover
from analysis_worker.sinks.store import StoredAnalyses
from analysis_worker.sources.analyses import KeptAnalyses
from analysis_worker.sources.store import StoredConversations
from analysis_worker.wire.results import RESULT_MEDIA_TYPE
from bothsides.jobs import v1 as pb
from common.broker import JobBroker
from common.job.model import ErrorClass
from common.job.states import JobState
from common.job.types import AI_ANALYSIS, JobType
from common.store.operation import ThreadRunner
from support import extra_handlers
from support.waiting import wait_until
from support.worker_program import NAMESPACE, Desk
from support.workers import working

ECHO = JobType("ECHO", AI_ANALYSIS)


@contextmanager
def echoing(client: redis.Redis) -> Iterator[JobBroker]:
    """Serve one more job type: a row, and a module. Its field of JobSpec is stood in for by GenericSpec."""
    broker = JobBroker(client, namespace=NAMESPACE)
    pool = ChildPool(1)
    runner = ThreadRunner(broker.runner)
    analyses = StoredAnalyses(runner, NAMESPACE)
    kept = KeptAnalyses(runner, NAMESPACE)
    ports = Ports(StoredConversations(runner, NAMESPACE), analyses, pool, kept, analyses)
    declare_actors(broker, discover(extra_handlers, [ECHO]), [ECHO], ports, spec_of=lambda _: pb.GenericSpec)
    try:
        with working(broker):
            yield broker
    finally:
        pool.close()


def test_a_new_job_type_is_a_row_a_spec_and_a_module(client: redis.Redis) -> None:
    desk = Desk(client)
    with echoing(client) as broker:
        spec = MessageToDict(pb.GenericSpec(actor="hello"), preserving_proto_field_name=True)
        sent = broker.get_actor("echo").send(spec=spec)
        done = desk.final(sent.options["job_id"])

    assert done.job.state is JobState.SUCCEEDED
    assert done.result is not None
    assert done.result.media_type == RESULT_MEDIA_TYPE
    assert pb.JobResult.FromString(done.result.data).generic.string_value == "hello"
    [part] = done.parts
    assert (part.name, pb.JobResult.FromString(part.content.data).generic.string_value) == ("half", "he")


def test_fields_that_a_worker_does_not_know_yet_are_left_out(client: redis.Redis) -> None:
    desk = Desk(client)
    with echoing(client) as broker:
        sent = broker.get_actor("echo").send(spec={"actor": "hello", "volume": 11})
        assert desk.final(sent.options["job_id"]).job.state is JobState.SUCCEEDED


def test_a_spec_of_a_newer_version_waits_unspent_for_a_newer_worker(client: redis.Redis) -> None:
    desk = Desk(client)
    with echoing(client) as broker:
        sent = broker.get_actor("echo").send_with_options(
            kwargs={"spec": {"actor": "hello"}}, spec_version=ECHO.version + 1
        )
        wait_until(lambda: desk.job(sent.options["job_id"]).attempt == 1)
        job = desk.wait_for(sent.options["job_id"], JobState.PENDING)

    assert (job.spent, job.wait_reason) == (0, "NEWER_SPEC")


def test_a_spec_that_cannot_be_read_is_invalid_input_and_is_not_quoted(client: redis.Redis) -> None:
    desk = Desk(client)
    with echoing(client) as broker:
        sent = broker.get_actor("echo").send(spec={"actor": ["private"]})
        job = desk.final(sent.options["job_id"]).job

    assert (job.state, job.spent) == (JobState.FAILED, 1)
    assert job.error is not None
    assert (job.error.error_class, job.error.reason) == (ErrorClass.INVALID_INPUT, "SPEC_INVALID")
    assert "private" not in job.error.message


def test_all_actor_modules_that_cannot_be_imported_are_named(client: redis.Redis) -> None:
    broker = JobBroker(client, namespace=NAMESPACE)

    with pytest.raises(ActorModulesMissing, match=r"no_such_thing.*neither_this"):
        load_actor_modules(broker, ["no_such_thing", "support.worker_actors", "neither_this"])
