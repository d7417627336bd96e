"""The scripts around a paid call and a plain model, side by side through random operations."""

from __future__ import annotations

import os
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from common.provider.circuit import CircuitState
from common.provider.limits import ProviderLimits, Quota, Told
from common.store.keys import ProviderKeys
from common.store.operation import Operation, SyncRunner
from common.store.provider import calls, operating
from common.store.provider.calls import Asked, Ended, Held, Paid, Released, Verdict, Wait
from support.provider_model import ModelProvider
from support.store import EPOCH_MS

LEASE_MS = 30_000
#: Longer than a run lasts: answers expire by the clock of the server, which no test moves.
KEEP_MS = 10_000_000
TOKENS = st.sampled_from([50, 400, 3_000])
QUOTAS = st.one_of(
    st.none(),
    st.builds(
        Quota,
        limit=st.sampled_from([20, 600, 9_000]),
        remaining=st.integers(0, 20),
        period_ms=st.sampled_from([60_000, 86_400_000]),
    ),
)
TOLD = st.builds(Told, requests=QUOTAS, tokens=QUOTAS)
ENDED = st.builds(
    Ended,
    error_class=st.sampled_from(
        [
            "",
            "STOPPED",
            "RATE_LIMITED",
            "TRANSIENT",
            "TIMEOUT",
            "QUOTA_EXHAUSTED",
            "AUTHENTICATION",
            "INVALID_INPUT",
        ]
    ),
    retry_after_ms=st.sampled_from([None, None, 700, 20_000, 90_000]),
    reset_ms=st.sampled_from([None, None, 45_000]),
)
LIMITS = st.builds(
    ProviderLimits,
    requests=st.sampled_from([None, 6, 60]),
    tokens=st.sampled_from([None, 2_000, 30_000]),
    input_tokens=st.sampled_from([None, None, 4_000]),
    output_tokens=st.sampled_from([None, None, 1_000]),
    in_flight=st.sampled_from([None, 1, 3]),
)
OPENING = {"TRANSIENT", "TIMEOUT", "QUOTA_EXHAUSTED", "AUTHENTICATION"}


def same(told: Verdict, expected: Verdict) -> bool:
    """Whether two verdicts are the same, but for a millisecond that is rounding."""
    match told, expected:
        case (Wait(reason, look), Wait(other, other_look)):
            return reason == other and abs(look - other_look) <= 1
        case (Held(reason, until), Held(other, other_until)):
            return reason == other and abs(until - other_until) <= 1
    return told == expected


def alike(told: Released, expected: Released) -> bool:
    """Whether two calls ended the same, but for a millisecond that is rounding."""
    if (told.there, told.failures) != (expected.there, expected.failures):
        return False
    if told.open_until_ms is None or expected.open_until_ms is None:
        return told.open_until_ms is expected.open_until_ms
    return abs(told.open_until_ms - expected.open_until_ms) <= 1


class ProviderMachine(RuleBasedStateMachine):
    """Several callers and tenants; the clock moved; scripts repeated, as after lost replies; dead callers."""

    client: redis.Redis

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        self.keys = ProviderKeys("test", "openai", "gpt-6-luna")
        self.model = ModelProvider()
        self.now_ms = EPOCH_MS
        self.asked: list[Asked] = []

    def run(self, operation: Operation[Any]) -> Any:
        return SyncRunner(self.client).run(operation)

    def some(self, pick: int) -> Asked:
        return self.asked[-1 - pick % len(self.asked)]

    def look(self, asked: Asked, longest_ms: int, twice: bool) -> None:
        for _ in range(1 + twice):
            told = self.run(
                calls.reserve(self.keys, asked, longest_ms=longest_ms, lease_ms=LEASE_MS, now_ms=self.now_ms)
            )
            expected = self.model.reserve(asked, longest_ms=longest_ms, lease_ms=LEASE_MS, now_ms=self.now_ms)
            assert same(told, expected), (told, expected)

    @rule(
        request=st.sampled_from("abcdefgh"),
        tenant=st.sampled_from(["t1", "t2"]),
        weight=st.sampled_from([1.0, 4.0]),
        force=st.sampled_from([False, False, False, True]),
        tokens=TOKENS,
        output=TOKENS,
        job=st.sampled_from(["j1", "j2"]),
        key=st.sampled_from(["k1", "k1", "k2"]),
        longest_ms=st.sampled_from([0, 10_000, 10_000, 10_000]),
        twice=st.booleans(),
    )
    def ask(
        self,
        request: str,
        tenant: str,
        weight: float,
        force: bool,
        tokens: int,
        output: int,
        job: str,
        key: str,
        longest_ms: int,
        twice: bool,
    ) -> None:
        asked = Asked(
            token=f"c{len(self.asked):03d}",
            answer_id=calls.answer_id(tenant, request, 0),
            job_id=job,
            tenant=tenant,
            input_tokens=tokens,
            output_tokens=output,
            expected_output_tokens=output // 2,
            weight=weight,
            force_refresh=force,
            key_fingerprint=key,
        )
        self.asked.append(asked)
        self.look(asked, longest_ms, twice)

    @precondition(lambda self: self.asked)
    @rule(pick=st.integers(0, 30), longest_ms=st.sampled_from([0, 10_000]), twice=st.booleans())
    def look_again(self, pick: int, longest_ms: int, twice: bool) -> None:
        self.look(self.some(pick), longest_ms, twice)

    @precondition(lambda self: self.asked)
    @rule(
        pick=st.integers(0, 30),
        used=TOKENS,
        told=TOLD,
        keep=st.sampled_from([KEEP_MS, 0]),
        twice=st.booleans(),
    )
    def settle(self, pick: int, used: int, told: Told, keep: int, twice: bool) -> None:
        asked = self.some(pick)
        paid = Paid(asked.token.encode(), used, used // 4, used // 2, used)
        for _ in range(1 + twice):
            done = self.run(calls.settle(self.keys, asked, paid, told, keep_ms=keep, now_ms=self.now_ms))
            assert done == self.model.settle(asked, paid, told, keep_ms=keep, now_ms=self.now_ms)

    @precondition(lambda self: self.asked)
    @rule(
        pick=st.integers(0, 30),
        ended=ENDED,
        told=TOLD,
        key=st.sampled_from(["k1", "k2"]),
        twice=st.booleans(),
    )
    def release(self, pick: int, ended: Ended, told: Told, key: str, twice: bool) -> None:
        ended = Ended(
            ended.error_class, ended.error_class in OPENING, ended.retry_after_ms, ended.reset_ms, key
        )
        token = self.some(pick).token
        for _ in range(1 + twice):
            done = self.run(calls.release(self.keys, token, ended, told, now_ms=self.now_ms))
            assert alike(done, self.model.release(token, ended, told, now_ms=self.now_ms))

    @precondition(lambda self: self.model.flying)
    @rule(pick=st.integers(0, 30), error_class=st.sampled_from(["TRANSIENT", "TIMEOUT"]))
    def fail(self, pick: int, error_class: str) -> None:
        """Fail a call that is under way, so that circuits open often enough to be looked at."""
        token = sorted(self.model.flying)[pick % len(self.model.flying)]
        ended = Ended(error_class, True)
        done = self.run(calls.release(self.keys, token, ended, now_ms=self.now_ms))
        assert done.there
        assert alike(done, self.model.release(token, ended, Told(), now_ms=self.now_ms))

    @precondition(lambda self: self.asked)
    @rule(pick=st.integers(0, 30))
    def renew(self, pick: int) -> None:
        token = self.some(pick).token
        done = self.run(calls.renew(self.keys, token, lease_ms=LEASE_MS, now_ms=self.now_ms))
        assert done == self.model.renew(token, lease_ms=LEASE_MS, now_ms=self.now_ms)

    @rule(limits=LIMITS)
    def limit(self, limits: ProviderLimits) -> None:
        changes = {name: getattr(limits, name) for name in operating.SETTABLE}
        self.run(operating.set_limits(self.keys, changes, now_ms=self.now_ms))
        self.model.set_limits(limits, now_ms=self.now_ms)

    @rule()
    def close_circuit(self) -> None:
        self.run(operating.close_circuit(self.keys, now_ms=self.now_ms))
        self.model.close_circuit(now_ms=self.now_ms)

    @rule(by_ms=st.sampled_from([-5_000, 5, 800, 6_000, 31_000, 150_000]))
    def tick(self, by_ms: int) -> None:
        self.now_ms += by_ms

    @invariant()
    def they_stand_alike(self) -> None:
        report = self.run(operating.describe_model(self.keys, now_ms=self.now_ms))
        self.model.set_limits(self.model.limits, now_ms=self.now_ms)
        model = self.model
        assert report.circuit.state == CircuitState(model.circuit.state)
        assert report.circuit.failures == model.circuit.failures
        assert (report.in_flight, report.waiting) == (len(model.flying), len(model.line))
        assert report.may_fly == model.may_fly()
        assert len(report.left) == len(model.levels)
        levels = [left.left for left in report.left.values()]
        assert levels == pytest.approx([model.levels[place] for place in sorted(model.levels)])
        raw: Any = self.client
        claims = raw.hgetall(self.keys.prefix + "claims")
        claimed = {answer.decode(): token.decode() for answer, token in claims.items()}
        assert claimed == model.claims


def test_the_scripts_do_what_the_model_does(client: redis.Redis) -> None:
    class Machine(ProviderMachine):
        pass

    Machine.client = client
    examples = int(os.environ.get("MODEL_CHECK_EXAMPLES", "60"))
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
        ),
    )
