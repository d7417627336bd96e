"""What follows when a model was away, by the scripts: what was held comes bit by bit, nobody sleeps on."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
import redis

from common.provider.circuit import CircuitState
from common.provider.limits import NOTHING_TOLD, Quota, Told
from common.store.keys import ProviderKeys
from common.store.operation import Operation, SyncRunner
from common.store.provider import calls, operating
from common.store.provider.calls import Asked, Ended, Granted, Held, Paid, Released, Verdict
from support.store import EPOCH_MS

REQUESTS = 600
MINUTE_MS = 60_000
FAILED = Ended("TRANSIENT", opens_circuit=True)
NO_QUOTA = Ended("QUOTA_EXHAUSTED", opens_circuit=True, key_fingerprint="k")


class Model:
    """One model at its provider, and the time."""

    def __init__(self, client: redis.Redis) -> None:
        self._runner = SyncRunner(client)
        self._keys = ProviderKeys("test", "openai", "gpt-6-luna")
        self._numbers = count()
        self.now_ms = EPOCH_MS
        self.run(operating.set_limits(self._keys, {"requests": REQUESTS}, now_ms=self.now_ms))

    def run(self, operation: Operation[Any]) -> Any:
        return self._runner.run(operation)

    def ask(self, *, key: str = "k", longest_ms: int = 0) -> tuple[Asked, Verdict]:
        number = next(self._numbers)
        asked = Asked(
            f"c{number:05d}",
            calls.answer_id("t", str(number), 0),
            "ai-1",
            "t",
            100,
            100,
            50,
            key_fingerprint=key,
        )
        verdict = self.run(calls.reserve(self._keys, asked, longest_ms=longest_ms, now_ms=self.now_ms))
        return asked, verdict

    def granted(self, **fields: Any) -> Asked:
        asked, verdict = self.ask(**fields)
        assert isinstance(verdict, Granted), verdict
        return asked

    def held(self, **fields: Any) -> Held:
        _, verdict = self.ask(**fields)
        assert isinstance(verdict, Held), verdict
        return verdict

    def settle(self, asked: Asked, told: Told = NOTHING_TOLD) -> None:
        paid = Paid(b"x", 100, 0, 50, 7)
        self.run(calls.settle(self._keys, asked, paid, told, keep_ms=0, now_ms=self.now_ms))

    def release(self, asked: Asked, ended: Ended) -> Released:
        released: Released = self.run(calls.release(self._keys, asked.token, ended, now_ms=self.now_ms))
        return released

    def fail(self, times: int = 5) -> Released:
        """Let calls fail one after the other; five open the circuit."""
        return [self.release(self.granted(), FAILED) for _ in range(times)][-1]

    def report(self) -> Any:
        return self.run(operating.describe_model(self._keys, now_ms=self.now_ms))

    def reset(self) -> None:
        self.run(operating.close_circuit(self._keys, now_ms=self.now_ms))

    def burst(self) -> int:
        """Return how many calls go at this moment, each being answered at once."""
        for went in range(REQUESTS):
            asked, verdict = self.ask()
            if not isinstance(verdict, Granted):
                return went
            self.settle(asked)
        raise AssertionError("no end")


@pytest.fixture
def model(client: redis.Redis) -> Model:
    return Model(client)


def probed(model: Model) -> None:
    model.fail()
    model.now_ms += 5_000
    model.settle(model.granted())


def reset(model: Model) -> None:
    model.fail()
    model.reset()


def paused(model: Model) -> None:
    model.release(model.granted(), Ended("RATE_LIMITED", retry_after_ms=20_000))
    model.now_ms += 20_000


@pytest.mark.parametrize("back", [probed, reset, paused])
def test_what_was_held_goes_bit_by_bit_and_later_as_ever(model: Model, back: Any) -> None:
    assert model.burst() == 570

    model.now_ms += MINUTE_MS
    back(model)
    came_ms = model.now_ms

    # Five seconds of the limit at once, however long nobody asked, in which all that was held looks
    assert 48 <= model.burst() <= 50
    model.now_ms += 1_000
    assert model.burst() == 10
    model.now_ms = came_ms + 119_000
    assert model.burst() == 50
    # Then it grows back
    model.now_ms = came_ms + 180_000
    assert model.burst() == 310
    model.now_ms = came_ms + 240_000 + MINUTE_MS
    assert model.burst() == 570


def test_a_limit_by_the_day_is_not_lost_to_an_outage(model: Model) -> None:
    told = Told(Quota(9_000, 8_000, period_ms=86_400_000))
    model.settle(model.granted(), told)
    probed(model)
    assert 7_900 < model.report().left["requests"].left < 8_000


def test_a_model_that_is_back_is_asked_by_few_and_soon_by_as_many_as_before(model: Model) -> None:
    for _ in range(12):
        model.settle(model.granted())
    before = model.report().may_fly
    probed(model)
    assert (before, model.report().may_fly) == (8, 2)
    for _ in range(5):
        flying = [model.granted(longest_ms=9_000) for _ in range(model.report().may_fly)]
        for asked in flying:
            model.settle(asked)
    assert before <= model.report().may_fly <= before + 1


def test_those_who_are_held_are_told_times_one_after_the_other(model: Model) -> None:
    model.fail()
    until_ms = EPOCH_MS + 5_000
    told = [model.held().until_ms for _ in range(700)]
    assert told[0] == until_ms
    assert all(until_ms <= each < until_ms + MINUTE_MS for each in told)
    # No second has many more of them than calls fit into it; who does not fit begins from the front
    by_second = [sum(1 for each in told if each // 1_000 == second) for second in {t // 1_000 for t in told}]
    assert max(by_second) <= 2 * REQUESTS / 60 + 1


def test_nobody_sleeps_for_long_as_an_operator_may_end_a_pause(model: Model) -> None:
    model.release(model.granted(), Ended("RATE_LIMITED", retry_after_ms=3_600_000))
    told = model.held()
    assert (told.reason, told.until_ms - EPOCH_MS) == ("PROVIDER_PAUSED", MINUTE_MS)
    model.reset()
    model.granted()


def test_nobody_sleeps_for_long_as_an_operator_may_close_the_circuit(model: Model) -> None:
    model.release(model.granted(), NO_QUOTA)
    assert model.report().circuit.until_ms == EPOCH_MS + 300_000
    told = model.held()
    assert (told.reason, told.until_ms - EPOCH_MS) == ("QUOTA_EXHAUSTED", MINUTE_MS)
    model.reset()
    model.now_ms = told.until_ms
    model.settle(model.granted())
    # Another key is tried at once, and those of the first one look soon
    model.release(model.granted(), NO_QUOTA)
    model.settle(model.granted(key="other"))
    assert model.report().circuit.state is CircuitState.RAMPING


def test_who_fails_is_told_whether_anybody_is_answered(model: Model) -> None:
    assert model.fail(1) == Released(True, 1, None)
    assert model.fail(1) == Released(True, 2, None)
    model.settle(model.granted())
    assert model.fail(1) == Released(True, 1, None)
    assert model.fail(4) == Released(True, 0, EPOCH_MS + 5_000)
