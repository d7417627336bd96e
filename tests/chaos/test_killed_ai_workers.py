"""Whole workers are killed between and during paid calls: nothing recorded is asked again, all ends well."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from common.job.ids import JobId
from common.job.states import JobState
from common.provider.models import DEFAULT_MODEL
from common.store.keys import provider_keys
from common.store.operation import SyncRunner
from common.store.provider.budgets import read_budgets
from common.store.provider.operating import describe_model
from support.chaos.fleet import pause
from support.chaos.provider import FailingProvider, failing_provider
from support.debates import debate
from support.waiting import wait_until
from support.worker_program import Desk, worker_program

SEEDS = int(os.environ.get("CHAOS_SEEDS", "0"))
#: Kills of one run.
KILLS = 50 if SEEDS else 1
#: Jobs that are always there to be done.
OPEN = 6 if SEEDS else 3
#: What a call takes (s).
LATENCY_S = (0.1, 0.5)
KEYS = provider_keys("bothsides", "127.0.0.1", DEFAULT_MODEL)


@pytest.fixture
def provider() -> Iterator[FailingProvider]:
    with failing_provider(latency_s=LATENCY_S) as serving:
        yield serving


class Orders:
    """Keeps jobs coming, and looks after them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.all: list[JobId] = []

    def fill_up(self) -> None:
        while sum(not self._desk.job(each).state.is_final for each in self.all[-2 * OPEN :]) < OPEN:
            number = len(self.all)
            name = self._desk.put(debate(6, conversation_id=f"bridge-{number}", words=30, seed=number))
            self.all.append(self._desk.analyse(name))

    def none_is_suspect(self) -> bool:
        """No job has lost its worker so often that it runs alone: to kill it again would condemn it."""
        return all(self._desk.job(each).lost < 2 for each in self.all[-4 * OPEN :] if not self._ended(each))

    def _ended(self, job_id: JobId) -> bool:
        return self._desk.job(job_id).state.is_final


def in_the_ledger(client: Any) -> set[str]:
    return {each.decode() for each in client.zrange(KEYS.prefix + "answers", 0, -1)}


def under_way(client: Any) -> dict[str, str]:
    """Return the answers that calls are under way for, by the calls' tokens."""
    calls = client.hgetall(KEYS.prefix + "calls")
    return {token.decode(): call.decode().partition("|")[0] for token, call in calls.items()}


@pytest.mark.timeout(3_600)
def test_nothing_recorded_is_asked_again_by_whole_workers(
    valkey: str, client: redis.Redis, tmp_path: Path, provider: FailingProvider
) -> None:
    desk, chance = Desk(client), random.Random(SEEDS)
    orders = Orders(desk)
    #: By the token of each call that was under way at a kill: whose answer it was to bring.
    cut_off: dict[str, str] = {}
    known: dict[str, int] = {}
    during = 0
    start = partial(
        worker_program,
        valkey,
        tmp_path,
        OPENAI_API_KEY="sk-of-nobody",
        OPENAI_BASE_URL=provider.url,
        # Longer than a busy machine lets a worker stand still: what runs out is cut off by the kills alone
        PROVIDER_LEASE_MS="6000",
        JOB_LEASE_MS="3000",
    )
    for _ in range(KILLS):
        orders.fill_up()
        with start() as worker:
            # It is killed somewhere within its next few calls, or between two.
            provider.wait_for_answers(chance.randint(1, 8))
            orders.fill_up()
            pause(chance.uniform(0, LATENCY_S[1]))
            wait_until(orders.none_is_suspect, timeout_s=60)
            worker.process.kill()
            worker.process.wait()
        lost = under_way(client)
        during += bool(lost.keys() - cut_off.keys())
        cut_off |= lost
        assert {each: provider.sent[each] for each in known} == known, "a recorded answer was asked for again"
        known = {each: provider.sent[each] for each in in_the_ledger(client)}
    with start():
        ended = [desk.final(each).job for each in orders.all]

    repeats = Counter({each: times - 1 for each, times in provider.sent.items() if times > 1})
    report = SyncRunner(client).run(describe_model(KEYS))
    doubtful = sum(job.paid.doubtful_calls for job in ended if job.paid is not None)
    spent = SyncRunner(client).run(read_budgets("bothsides", "default")).total
    print(
        f"\n{KILLS} kills, {during} of them with calls under way, {len(cut_off)} in all; {len(ended)} jobs, "
        f"{len(provider.sent)} calls, {repeats.total()} made twice, {report.lapsed} counted as possibly so, "
        f"{doubtful} of them by the attempts that made them again"
    )
    assert {job.state for job in ended} == {JobState.SUCCEEDED}
    assert {each: provider.sent[each] for each in known} == known
    assert not repeats - Counter(cut_off.values()), "calls were made again that nobody had cut off"
    assert repeats.total() <= len(cut_off) <= report.lapsed
    # An attempt that is killed after the repeated call takes its own account with it.
    assert doubtful <= report.lapsed
    assert repeats.total() <= doubtful or KILLS > 1
    assert report.in_flight == spent.held_micro_usd == 0
    assert spent.calls + spent.lapsed_calls >= provider.sent.total()
