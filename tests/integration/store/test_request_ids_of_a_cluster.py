"""In a cluster, no two queues take jobs with one request id, whoever stops in between, and whenever.

The steps of several submits are taken in any order, on one server that is used as a cluster is.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import StoreUnavailable
from common.job.model import JobRequest
from common.store import jobs
from common.store.jobs import Accepted, Repeated, Reused, Submitted
from common.store.jobs.claiming import TRIES, Binding, bind, fence
from common.store.keys import QueueKeys
from common.store.operation import Operation, SyncRunner
from support.store import EPOCH_MS, Queue, ordered_id

DAY_MS = 86_400_000
QUEUES = ("one", "two", "three")


@pytest.fixture
def runner(client: redis.Redis) -> SyncRunner:
    """Keep each script to its own slot."""
    made = SyncRunner(client)
    made.is_cluster = True
    return made


def keys_of(queue: str) -> QueueKeys:
    return QueueKeys("test", queue)


def request_for(queue: str, digest: str = "digest-of-it", request_id: str = "r") -> JobRequest:
    return JobRequest(ordered_id(queue), queue, "work", b"{}", request_id=request_id, request_digest=digest)


@dataclass
class Submit:
    """One submit, a step at a time."""

    runner: SyncRunner
    request: JobRequest
    outcome: Submitted | None = None
    gave_up: bool = False
    sent: list[Operation[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._steps = jobs.submitting(keys_of(self.request.queue), [self.request], is_cluster=True)
        self._next: Operation[Any] | None = next(self._steps)

    @property
    def is_over(self) -> bool:
        return self._next is None

    def step(self) -> None:
        """Send what is to be sent next, and hear what is told."""
        if self._next is None:
            return
        self.sent.append(self._next)
        try:
            self._next = self._steps.send(self.runner.run(self._next))
        except StopIteration as end:
            [self.outcome] = end.value
            self._next = None
        except StoreUnavailable:
            self.gave_up, self._next = True, None

    def repeat(self, pick: int) -> None:
        """Send a copy of what was sent once, which comes late; nobody hears what is told."""
        if self.sent:
            self.runner.run(self.sent[pick % len(self.sent)])


def jobs_of(runner: SyncRunner) -> list[str]:
    pages = [runner.run(jobs.list_jobs(keys_of(queue), tenant="default", want=100)) for queue in QUEUES]
    return [job.job_id for page in pages for job in page.jobs]


#: Who does what: the place of a submit, and whether it goes on, sends a copy of something, or stops for good.
MOVES = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["step", "step", "step", "step", "repeat", "stop"])),
    max_size=60,
)


@settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    wanted=st.lists(
        st.tuples(st.sampled_from(QUEUES), st.sampled_from(["digest-one--", "digest-two--"])),
        min_size=2,
        max_size=5,
    ),
    moves=MOVES,
    pick=st.integers(0, 7),
)
def test_one_job_at_most_comes_of_a_request_id(
    client: redis.Redis,
    runner: SyncRunner,
    wanted: list[tuple[str, str]],
    moves: list[tuple[int, str]],
    pick: int,
) -> None:
    client.flushall()
    submits = [Submit(runner, request_for(queue, digest)) for queue, digest in wanted]
    stopped = set()
    for place, move in moves:
        one = submits[place % len(submits)]
        if move == "stop":
            stopped.add(one.request.job_id)
        elif move == "repeat":
            one.repeat(pick)
        elif one.request.job_id not in stopped:
            one.step()
    # Who has not stopped goes on to its end, one after the other.
    for one in submits:
        while not one.is_over and one.request.job_id not in stopped:
            one.step()

    made = jobs_of(runner)
    assert len(made) <= 1
    told = [one.outcome for one in submits if one.outcome is not None]
    assert not any(one.gave_up for one in submits)
    assert {outcome.job_id for outcome in told if isinstance(outcome, Accepted | Repeated | Reused)} <= {
        *made
    }
    assert len(told) == sum(one.request.job_id not in stopped or one.is_over for one in submits)


def steps_to_bind(one: Submit) -> None:
    """Bind its request id, and no more: it is about to be submitted."""
    one.step()


def test_a_request_id_whose_submit_never_came_is_taken_by_another_queue(runner: SyncRunner) -> None:
    steps_to_bind(Submit(runner, request_for("one")))

    second = request_for("two")
    [taken] = runner.run_steps(jobs.submitting(keys_of("two"), [second], is_cluster=True))
    assert isinstance(taken, Accepted)


def test_a_submit_that_comes_late_is_not_taken(runner: SyncRunner) -> None:
    late = Submit(runner, request_for("one", "digest-one--"))
    steps_to_bind(late)
    second = request_for("two", "digest-two--")
    runner.run_steps(jobs.submitting(keys_of("two"), [second], is_cluster=True))

    while not late.is_over:
        late.step()
    assert late.outcome == Reused(second.job_id)
    assert jobs_of(runner) == [second.job_id]


def test_a_request_id_comes_back_to_a_queue_that_was_fenced(runner: SyncRunner) -> None:
    first, second = Submit(runner, request_for("one")), Submit(runner, request_for("two"))
    steps_to_bind(first)
    for _ in range(3):  # it finds the binding, fences, and binds; then it stops
        second.step()

    while not first.is_over:
        first.step()
    assert first.outcome == Accepted(first.request.job_id, _now_of(first))


def _now_of(one: Submit) -> int:
    assert isinstance(one.outcome, Accepted)
    return one.outcome.now_ms


def test_who_is_displaced_all_the_while_is_told_to_try_again(runner: SyncRunner) -> None:
    asked = request_for("one")
    runner.run(fence(keys_of("one"), [(asked, TRIES)]))  # as many others would

    with pytest.raises(StoreUnavailable):
        runner.run_steps(jobs.submitting(keys_of("one"), [asked], is_cluster=True))
    assert jobs_of(runner) == []
    # It goes on from there: each binding is of a generation of its own.
    [taken] = runner.run_steps(jobs.submitting(keys_of("one"), [asked], is_cluster=True))
    assert isinstance(taken, Accepted)


def test_many_request_ids_of_several_tenants_are_bound_by_a_script_each(runner: SyncRunner) -> None:
    asked = [
        replace(request_for("one", request_id=f"r{number}"), tenant=tenant)
        for number in range(1_200)
        for tenant in ("a", "b")
    ]
    submit = jobs.submitting(keys_of("one"), asked, is_cluster=True)
    operations, told = [], None
    with suppress(StopIteration):
        while True:
            operations.append(submit.send(told))
            told = runner.run(operations[-1])
    assert [operation.script.name for operation in operations] == ["bind", "bind", "submit"]

    there = [replace(one, job_id=ordered_id("two"), queue="two") for one in asked]
    others = runner.run_steps(jobs.submitting(keys_of("two"), there, is_cluster=True))
    assert others == [Repeated(one.job_id) for one in asked]


def test_a_binding_lives_as_long_as_the_claim_that_follows_it(
    client: redis.Redis, runner: SyncRunner
) -> None:
    """A queue that has had an id for days without a job, and takes one now, has it for a day from now."""
    begun_ms = EPOCH_MS // DAY_MS * DAY_MS
    keys, asked = keys_of("one"), request_for("one")
    runner.run(bind(keys, "default", ["r"], now_ms=begun_ms))

    now_ms = begun_ms + 2 * DAY_MS - 1
    [taken] = runner.run_steps(jobs.submitting(keys, [asked], is_cluster=True, now_ms=now_ms))
    assert isinstance(taken, Accepted)
    there = jobs.submitting(
        keys_of("two"), [request_for("two", "another-one-")], is_cluster=True, now_ms=now_ms + DAY_MS
    )
    assert runner.run_steps(there) == [Reused(asked.job_id)]

    # And those of a day that nobody may ask for go with the next call.
    runner.run(bind(keys, "default", ["s"], now_ms=begun_ms + 4 * DAY_MS))
    assert len(client.keys(f"{keys.claims_of('default')}*")) == 1


def test_request_ids_of_one_server_are_known_when_its_data_is_a_clusters(
    client: redis.Redis, runner: SyncRunner
) -> None:
    here = Queue(client, name="one")
    first = here.submit(request_id="r", request_digest="digest-one--")

    for queue in ("one", "two"):
        for digest, outcome in (("digest-one--", Repeated(first)), ("digest-two--", Reused(first))):
            asked = jobs.submitting(
                keys_of(queue), [request_for(queue, digest)], is_cluster=True, now_ms=here.now_ms
            )
            assert runner.run_steps(asked) == [outcome]


def test_what_a_cluster_has_bound_keeps_one_server_from_nothing(
    client: redis.Redis, runner: SyncRunner
) -> None:
    """A cluster's data on one server: request ids of before are not known there."""
    here = Queue(client, name="one")
    runner.run(bind(here.keys, "default", ["r"], now_ms=here.now_ms))
    runner.run(bind(here.keys, "default", ["r"], [Binding("one")], now_ms=here.now_ms))

    first = here.submit(request_id="r", request_digest="digest-one--")
    [again] = here.submit_all([here.request(request_id="r", request_digest="digest-one--")])
    assert again == Repeated(first)
