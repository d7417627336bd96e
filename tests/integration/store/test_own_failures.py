"""What tells a request that breaks its provider from a provider that is away: whether others are answered."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import redis

from common.provider.limits import Told
from common.store.keys import provider_keys
from common.store.operation import Operation, SyncRunner
from common.store.provider import calls, operating
from common.store.provider.calls import Asked, Ended, Granted, Paid
from support.store import EPOCH_MS

FAILED = Ended("TRANSIENT", opens_circuit=True)


@dataclass
class Calls:
    """Calls of a model, one after the other, on a clock that the test moves."""

    client: redis.Redis
    now_ms: int = EPOCH_MS
    _tokens: Any = field(default_factory=itertools.count)
    _keys = provider_keys("test", "openai", "small")

    def run(self, operation: Operation[Any]) -> Any:
        return SyncRunner(self.client).run(operation)

    def _granted(self, request: str) -> Asked:
        # A circuit that has opened would hold the call
        self.run(operating.close_circuit(self._keys, now_ms=self.now_ms))
        asked = Asked(f"t{next(self._tokens)}", request, "ai-1", "t", 10, 10, 10)
        granted = self.run(calls.reserve(self._keys, asked, longest_ms=0, now_ms=self.now_ms))
        assert isinstance(granted, Granted)
        return asked

    def fails(self, request: str, ended: Ended = FAILED, *, after_ms: int = 0) -> int:
        """Let a request fail; return how often others were answered between its failures."""
        self.now_ms += after_ms
        asked = self._granted(request)
        released = self.run(calls.release(self._keys, asked.token, ended, now_ms=self.now_ms))
        return int(released.own_failures)

    def is_answered(self, request: str) -> None:
        paid = Paid(b"{}", 10, 0, 10, 1)
        self.run(calls.settle(self._keys, self._granted(request), paid, Told(), now_ms=self.now_ms))


def test_failures_count_as_often_as_others_were_answered_between_them(client: redis.Redis) -> None:
    made = Calls(client)
    assert made.fails("bad") == 0
    for times in range(1, 4):
        made.is_answered(f"well-{times}")
        # The second try comes right behind the first
        assert made.fails("bad", after_ms=6_000) == times
        assert made.fails("bad", after_ms=500) == times
    assert made.fails("other") == 0


def test_in_an_outage_no_failure_is_a_requests_own(client: redis.Redis) -> None:
    made = Calls(client)
    for number in range(10):
        assert made.fails("bad") == number
        made.is_answered(f"well-{number}")
    made.fails("bad")
    # Nobody is answered from here on: what was seen before says nothing of these
    for _ in range(20):
        assert made.fails("other", after_ms=6_000) == 0
        assert made.fails("bad") == 0
    # Somebody is, again
    made.is_answered("well")
    assert made.fails("bad") == 11


def test_a_bill_or_a_key_is_nobodys_own_failure(client: redis.Redis) -> None:
    made = Calls(client)
    for number, error_class in enumerate(("QUOTA_EXHAUSTED", "AUTHENTICATION") * 3):
        assert made.fails("bad", Ended(error_class, opens_circuit=True)) == 0
        made.is_answered(f"well-{number}")
    assert not list(client.scan_iter("*:fault:*"))


def test_an_answer_ends_it_and_so_does_a_day(client: redis.Redis) -> None:
    made = Calls(client)
    made.fails("bad")
    made.is_answered("well")
    assert made.fails("bad") == 1
    [key] = client.scan_iter("*:fault:*")
    assert 86_390_000 < int(client.pttl(key)) <= 86_400_000
    made.is_answered("bad")
    assert not client.exists(key)
