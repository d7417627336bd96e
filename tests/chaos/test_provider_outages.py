"""The provider is away in each of the ways there are: no job fails that could wait, none floods it after.

Not part of `make test`. `make chaos` goes through all faults in seconds each, with a short time between them
in which all is well. `make chaos-ai` has an outage of ten minutes, one fault after the other, and jobs
ordered all the while.
"""

from __future__ import annotations

import bisect
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from bothsides.jobs import v1 as pb
from common.job.ids import JobId
from common.job.model import RetryPolicy
from common.job.states import JobState
from common.provider.models import DEFAULT_MODEL
from common.store.jobs import Snapshot
from common.store.keys import provider_keys
from common.store.operation import SyncRunner
from common.store.provider.operating import close_circuit, describe_model, set_limits
from support.chaos.fleet import pause
from support.chaos.provider import FAULTS, FailingProvider, failing_provider
from support.debates import debate
from support.waiting import wait_until
from support.worker_program import Desk, worker_program

SEEDS = int(os.environ.get("CHAOS_SEEDS", "0"))
#: The length of an outage without a break (s); 0: faults with breaks between them.
OUTAGE_S = float(os.environ.get("OUTAGE_S", "0"))
Spec = pb.TranscriptAnalysisSpec
POLICIES = (Spec.WAIT, Spec.FALLBACK, Spec.DEGRADE)
#: What is configured, and what the provider holds to as well.
REQUESTS_PER_MINUTE = 600
#: What a model that was away is sent at once when it is back, at most, in seconds of its limit.
RAMP_S = 5
#: Where neither is asked for, a few faults will do.
SOME_FAULTS = ("500", "refused", "quota")
#: The operator closes the circuit when it is mended: nobody can know when a bill is paid or a key is changed.
MENDED_BY_PEOPLE = ("quota", "401")
MODELS = (DEFAULT_MODEL, "gpt-4o-mini")
#: Each is wanted by one job, which makes one call and has one attempt: nobody else opens a circuit for it.
ALONE = {"alone": Spec.WAIT, "alone-too": Spec.FALLBACK}
TABLE = "".join(
    f'["{model}"]\ncontext_tokens = 128000\nprice_input = 1\nprice_output = 1\n' for model in ALONE
)


@pytest.fixture
def provider() -> Iterator[FailingProvider]:
    with failing_provider() as serving:
        yield serving


class Outage:
    """Workers, a provider that fails, and jobs of every policy."""

    def __init__(self, client: redis.Redis, provider: FailingProvider) -> None:
        self.provider = provider
        self._desk = Desk(client)
        self._store = SyncRunner(client)
        self._ordering = threading.Lock()
        self.jobs: dict[JobId, int] = {}
        #: Of them those that have a model for themselves.
        self.alone: set[JobId] = set()

    def limit(self) -> None:
        for model in MODELS:
            limits = {"requests": REQUESTS_PER_MINUTE, "in_flight": 16}
            self._store.run(set_limits(self._keys(model), limits))

    def order(self, policy: int) -> None:
        with self._ordering:
            number = len(self.jobs)
            name = self._desk.put(debate(4, conversation_id=f"bridge-{number}", words=20, seed=number))
            self.jobs[self._desk.analyse(name, on_unavailable=policy)] = policy

    def order_alone(self) -> None:
        name = self._desk.put(debate(4, conversation_id="alone", words=20))
        for model, policy in ALONE.items():
            job_id = self._desk.analyse(
                name,
                on_unavailable=policy,
                models=[model],
                dimensions=[pb.DIMENSION_ARGUMENTS],
                job={"retry": RetryPolicy(max_attempts=1)},
            )
            self.jobs[job_id] = policy
            self.alone.add(job_id)

    def keep_ordering(self, every_s: float, stop: threading.Event) -> None:
        while not stop.wait(every_s):
            self.order(POLICIES[len(self.jobs) % len(POLICIES)])

    def mended(self, way: str) -> None:
        """All is well again."""
        self.provider.fail("well")
        if way in MENDED_BY_PEOPLE:
            for model in (*MODELS, *ALONE):
                self._store.run(close_circuit(self._keys(model)))

    def circuits(self) -> Counter[str]:
        return Counter(self._store.run(describe_model(self._keys(model))).circuit.state for model in MODELS)

    def ended(self, timeout_s: float) -> dict[JobId, Snapshot]:
        """Wait until all jobs are final."""
        wait_until(
            lambda: all(self._desk.job(each).state.is_final for each in self.jobs), timeout_s=timeout_s
        )
        return {each: self._desk.snapshot(each) for each in self.jobs}

    def _keys(self, model: str) -> Any:
        return provider_keys("bothsides", "127.0.0.1", model)


def most_within(arrivals: list[float], window_s: float) -> int:
    """Return the most calls that came within any window of this length."""
    return max(
        (bisect.bisect(arrivals, at + window_s) - first for first, at in enumerate(arrivals)), default=0
    )


def check(outage: Outage, ended: dict[JobId, Snapshot]) -> None:
    """All jobs have succeeded; those that were to wait have what they waited for."""
    states = Counter(snapshot.job.state for snapshot in ended.values())
    assert states == {JobState.SUCCEEDED: len(ended)}, [
        (outage.jobs[each], snapshot.job.error)
        for each, snapshot in ended.items()
        if snapshot.job.state is not JobState.SUCCEEDED
    ]
    for each, snapshot in ended.items():
        assert snapshot.result is not None
        analysis = pb.JobResult.FromString(snapshot.result.data).analysis
        assert len(analysis.provenance) == (1 if each in outage.alone else 6), "not all dimensions are there"
        degraded = {made.degraded_reason for made in analysis.provenance if made.degraded}
        if outage.jobs[each] == Spec.DEGRADE:
            assert all(made.engine == "local" for made in analysis.provenance if made.degraded)
        else:
            # Waiting would not mend an answer that came and was broken, nor its repair.
            assert degraded <= {"invalid_output"}, degraded


def check_rates(outage: Outage, since_s: float) -> None:
    """What came after the outage kept within the limits, over any time."""
    arrivals = sorted(at for at in outage.provider.arrivals if at >= since_s)
    each_s = REQUESTS_PER_MINUTE * len(MODELS) / 60
    seen = {window_s: most_within(arrivals, window_s) for window_s in (1, 5, 10, 60)}
    print(f"  after it {len(arrivals)} calls, most within 1, 5, 10, 60 s: {list(seen.values())}")
    print(f"  the limits by the second, of {len(MODELS)} models: {each_s:g}")
    assert all(count <= each_s * (window_s + RAMP_S) for window_s, count in seen.items())
    assert seen[60] <= each_s * 60


@pytest.mark.outage
@pytest.mark.timeout(1_800)
def test_no_job_fails_that_could_have_waited_and_nobody_floods(
    valkey: str, client: redis.Redis, tmp_path: Path, provider: FailingProvider
) -> None:
    outage = Outage(client, provider)
    outage.limit()
    faults = FAULTS if SEEDS or OUTAGE_S else SOME_FAULTS
    (tmp_path / "models.toml").write_text(TABLE)
    with ExitStack() as stack:
        for _ in range(2 if SEEDS or OUTAGE_S else 1):
            stack.enter_context(
                worker_program(
                    valkey,
                    tmp_path,
                    OPENAI_API_KEY="sk-of-nobody",
                    OPENAI_BASE_URL=provider.url,
                    PROVIDER_MODELS_FILE=str(tmp_path / "models.toml"),
                    PROVIDER_TIMEOUT_MS="10000" if OUTAGE_S else "2000",
                )
            )
        if OUTAGE_S:
            over_s = go_through(outage, faults, OUTAGE_S / len(faults))
        else:
            over_s = take_in_turn(outage, faults)
        ended = outage.ended(timeout_s=900)
    took_s = provider.arrivals[-1] - over_s
    policies = Counter(Spec.OnUnavailable.Name(policy) for policy in outage.jobs.values())  # type: ignore[arg-type]
    spent = Counter(snapshot.job.spent for snapshot in ended.values())
    alone = [
        (snapshot.job.state.value, snapshot.job.attempt)
        for each, snapshot in ended.items()
        if each in outage.alone
    ]
    print(f"\n  {len(ended)} jobs {dict(policies)}, attempts spent {dict(sorted(spent.items()))}")
    print(f"  calls that met each fault: {dict(provider.met)}; the last call {took_s:.0f} s after the outage")
    print(f"  those alone, and their leases: {alone}")
    check(outage, ended)
    check_rates(outage, over_s)


def go_through(outage: Outage, faults: tuple[str, ...], each_s: float) -> float:
    """Let all faults follow upon each other, jobs being ordered all the while; return when it ended."""
    stop = threading.Event()
    orders = threading.Thread(target=outage.keep_ordering, args=(3.0, stop), daemon=True)
    orders.start()
    outage.provider.wait_for_answers(10)
    for way in faults:
        outage.provider.fail(way)
        if way == faults[0]:
            outage.order_alone()
        pause(each_s)
        if way in MENDED_BY_PEOPLE:
            outage.mended(way)
        print(
            f"  {way:>16}: {outage.provider.met[way]} calls, circuits {dict(outage.circuits())}", flush=True
        )
    outage.provider.fail("well")
    over_s = time.monotonic()
    stop.set()
    orders.join()
    return over_s


def take_in_turn(outage: Outage, faults: tuple[str, ...]) -> float:
    """Let each fault last until it has met some calls, and all be well after; return the last one's end."""
    over_s = 0.0
    for way in faults:
        before = outage.provider.met[way]
        outage.provider.fail(way)
        for policy in POLICIES:
            outage.order(policy)
        if way == faults[0]:
            outage.order_alone()
        if way == "refused":  # nobody can count who knocks
            pause(3)
        else:
            wait_until(lambda way=way, before=before: outage.provider.met[way] >= before + 2, timeout_s=90)  # type: ignore[misc]
            pause(2)
        outage.mended(way)
        over_s = time.monotonic()
        outage.provider.wait_for_answers(5)
        print(
            f"  {way:>16}: {outage.provider.met[way]} calls, circuits {dict(outage.circuits())}", flush=True
        )
    return over_s
