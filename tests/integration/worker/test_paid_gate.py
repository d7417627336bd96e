"""Paid calls through a real store: who asks, who waits, who is told what is there already."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis.asyncio

from analysis_worker.paid.accounting import AccountedCalls
from analysis_worker.paid.door import Door
from analysis_worker.paid.gate import GateSettings, PaidGate
from analysis_worker.paid.keeping import Keeping
from analysis_worker.paid.port import (
    Answer,
    BudgetSpent,
    Call,
    CallHeld,
    CheaperModelWanted,
    OutboundForbidden,
    Reply,
    Usage,
)
from analysis_worker.paid.weights import TenantWeights
from common.broker.meter import Meter
from common.job.limits import TenantLimits
from common.job.model import PaidUsage
from common.job.model import Usage as JobUsage
from common.provider.budget import Budget, Budgets, BudgetScope, SpentPolicy
from common.provider.circuit import CircuitState, ProviderReport
from common.provider.errors import AuthenticationFailed, ProviderFailure, RateLimited, ServerFailed, Timeout
from common.provider.limits import told_by
from common.provider.models import ModelCard, ModelTable, PriceUnknown
from common.sealing import Sealer
from common.store.keys import provider_keys, queue_keys
from common.store.operation import AsyncRunner
from common.store.provider.budgets import read_budgets, set_budgets
from common.store.provider.operating import describe_model, list_models, set_limits
from common.store.queue_settings import configure
from support.waiting import wait_until_async

MODELS = ModelTable(
    {
        "small": ModelCard("small", price_input=1_000_000, price_output=1_000_000),
        "gift": ModelCard("gift"),
    }
)


def call_of(request: str = "r", **changes: Any) -> Call:
    given: dict[str, Any] = {
        "tenant": "t",
        "provider": "openai",
        "model": "small",
        "request_sha256": request,
        "sample": 0,
        "input_tokens": 100,
        "output_tokens": 50,
        "expected_output_tokens": 20,
        "job_id": "ai-1",
        "attempt": 1,
    }
    return Call(**{**given, **changes})


@dataclass
class Provider:
    """Counts the calls that reach it. Answers when it may, as it is told to."""

    failure: ProviderFailure | None = None
    headers: dict[str, str] = field(default_factory=dict)
    calls: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def __call__(self) -> Reply:
        self.calls += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
            if self.failure is not None:
                raise self.failure
            return Reply(b'{"n": %d}' % self.calls, Usage(90, 0, 10), self.headers)
        finally:
            self.in_flight -= 1


@dataclass
class Fleet:
    """Gates of several workers on one store."""

    store: AsyncRunner
    url: str

    def gate(self, **changes: Any) -> PaidGate:
        settings = {name: changes.pop(name) for name in list(changes) if name in GateSettings.__slots__}
        return PaidGate(self.store, "test", models=MODELS, settings=GateSettings(**settings), **changes)

    async def report(self) -> ProviderReport:
        return await self.store.run(describe_model(provider_keys("test", "openai", "small")))

    async def limit(self, **limits: int) -> None:
        await self.store.run(set_limits(provider_keys("test", "openai", "small"), limits))

    async def budget(self, *budgets: Budget) -> None:
        await self.store.run(set_budgets("test", "t", budgets))

    async def books(self, batch_id: str = "") -> Budgets:
        return await self.store.run(read_budgets("test", "t", batch_id=batch_id))


@pytest.fixture
async def fleet(valkey: str) -> AsyncIterator[Fleet]:
    client = redis.asyncio.Redis.from_url(valkey, protocol=2)
    yield Fleet(AsyncRunner(client), valkey)
    await client.aclose()


async def until(condition: Callable[[], bool]) -> None:
    async def holds() -> bool:
        return condition()

    await wait_until_async(holds)


async def test_an_answer_is_paid_for_once(fleet: Fleet) -> None:
    provider = Provider()
    first = await fleet.gate().ask(call_of(), provider)
    again = await fleet.gate().ask(call_of(job_id="ai-2", batch_id="b"), provider)
    assert (first.body, first.reused, first.cost_micro_usd) == (b'{"n": 1}', False, 100)
    assert (again.body, again.reused, again.cost_micro_usd, again.saved_micro_usd) == (
        b'{"n": 1}',
        True,
        0,
        100,
    )
    assert again.usage == Usage(90, 0, 10)
    assert provider.calls == 1
    books = await fleet.books("b")
    assert (books.total.cost_micro_usd, books.total.saved_micro_usd, books.total.held_micro_usd) == (
        100,
        100,
        0,
    )
    assert (books.batch.calls, books.batch.reused_calls) == (0, 1)


async def test_other_tenants_samples_and_requests_are_asked_for_themselves(fleet: Fleet) -> None:
    provider, gate = Provider(), fleet.gate()
    for call in (call_of(), call_of(tenant="u"), call_of(sample=1), call_of("other")):
        assert not (await gate.ask(call, provider)).reused
    assert provider.calls == 4
    assert await fleet.store.run(list_models("test")) == [("openai", "small")]


async def test_identical_calls_in_flight_over_the_fleet_are_one(fleet: Fleet) -> None:
    provider = Provider()
    provider.gate.clear()
    gates = [fleet.gate() for _ in range(4)]
    asking = [asyncio.ensure_future(gates[i % 4].ask(call_of(job_id=f"ai-{i}"), provider)) for i in range(12)]
    await until(lambda: provider.calls == 1)
    provider.gate.set()
    answers = await asyncio.gather(*asking)
    assert provider.calls == 1
    assert sorted(answer.reused for answer in answers) == [False] + [True] * 11


async def test_a_refresh_asks_anew_but_a_retry_of_it_does_not(fleet: Fleet) -> None:
    provider, gate = Provider(), fleet.gate()
    await gate.ask(call_of(), provider)
    fresh = await gate.ask(call_of(job_id="ai-2", force_refresh=True), provider)
    retried = await gate.ask(call_of(job_id="ai-2", attempt=2, force_refresh=True), provider)
    assert (fresh.body, fresh.reused) == (b'{"n": 2}', False)
    assert (retried.body, retried.reused) == (b'{"n": 2}', True)


async def test_what_a_dead_caller_held_is_free_after_its_lease(fleet: Fleet) -> None:
    provider, survivor = Provider(), Provider()
    provider.gate.clear()
    await fleet.limit(in_flight=1)
    dead = asyncio.ensure_future(fleet.gate(lease_ms=60_000_000).ask(call_of(), provider))
    await until(lambda: provider.calls == 1)
    # As after a kill: the lease is no longer renewed, and ends.
    raw: Any = redis.asyncio.Redis.from_url(fleet.url)
    keys = provider_keys("test", "openai", "small")
    [token] = await raw.zrange(keys.prefix + "leases", 0, -1)
    await raw.zadd(keys.prefix + "leases", {token: 1})
    await raw.aclose()
    answer = await fleet.gate().ask(call_of(job_id="ai-2"), survivor)
    assert (answer.reused, answer.doubtful, survivor.calls) == (False, 1, 1)
    assert (await fleet.report()).lapsed == 1
    # It was not dead after all: what it paid for is kept as well, and nothing is counted twice.
    provider.gate.set()
    await dead
    assert (await fleet.report()).in_flight == 0


async def test_a_cancelled_call_frees_what_it_held_and_may_have_cost_something(fleet: Fleet) -> None:
    provider = Provider()
    provider.gate.clear()
    meter = Meter(measures=False)
    asking = asyncio.ensure_future(AccountedCalls(fleet.gate(), meter.pay).ask(call_of(), provider))
    await until(lambda: provider.calls == 1)
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    assert asking.cancelled()
    assert meter.usage == JobUsage(None, None, PaidUsage(1, cost_micro_usd=120, wasted_micro_usd=120))
    assert (await fleet.report()).in_flight == 0
    spent = (await fleet.books()).total
    assert (spent.held_micro_usd, spent.cost_micro_usd, spent.wasted_micro_usd) == (0, 120, 120)


async def test_a_call_without_an_answer_in_time_may_have_cost_something(fleet: Fleet) -> None:
    provider, meter = Provider(failure=Timeout()), Meter(measures=False)
    await fleet.budget(Budget(BudgetScope.DAY, 400))
    calls = AccountedCalls(fleet.gate(), meter.pay)
    for _ in range(3):
        with pytest.raises(Timeout):
            await calls.ask(call_of(), provider)
    # The provider was at work for all three, so a budget does not pass over them
    with pytest.raises(CallHeld) as held:
        await calls.ask(call_of(), provider)
    assert (held.value.reason, provider.calls) == ("DAY_BUDGET_SPENT", 3)
    spent = (await fleet.books()).total
    assert (spent.held_micro_usd, spent.cost_micro_usd, spent.wasted_micro_usd) == (0, 360, 360)
    assert meter.usage == JobUsage(None, None, PaidUsage(3, cost_micro_usd=360, wasted_micro_usd=360))


async def test_a_cancel_while_the_answer_is_written_keeps_it(fleet: Fleet) -> None:
    provider, gate, meter = Provider(), fleet.gate(), Meter(measures=False)

    async def send() -> Reply:
        reply = await provider()
        asking.cancel()
        return reply

    asking = asyncio.ensure_future(AccountedCalls(gate, meter.pay).ask(call_of(), send))
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    assert meter.usage == JobUsage(None, None, PaidUsage(1, cost_micro_usd=100))
    assert (await gate.ask(call_of(), provider)).reused


async def test_no_more_are_in_flight_than_may_be(fleet: Fleet) -> None:
    provider = Provider()
    await fleet.limit(in_flight=2)
    provider.gate.clear()
    gates = [fleet.gate() for _ in range(2)]
    asking = [asyncio.ensure_future(gates[i % 2].ask(call_of(str(i)), provider)) for i in range(10)]
    await until(lambda: provider.in_flight == 2)
    provider.gate.set()
    await asyncio.gather(*asking)
    assert (provider.calls, provider.most_in_flight) == (10, 2)


async def test_a_call_that_would_wait_long_is_held_and_costs_nothing(fleet: Fleet) -> None:
    provider, gate = Provider(), fleet.gate()
    await fleet.limit(requests=1)
    await gate.ask(call_of("a"), provider)
    with pytest.raises(CallHeld) as held:
        await gate.ask(call_of("b"), provider)
    assert held.value.reason == "REQUEST_LIMIT"
    report = await fleet.report()
    assert 40_000 < held.value.until_ms - report.read_ms < 61_000
    assert (report.waiting, provider.calls) == (0, 1)


async def test_a_job_is_not_given_back_while_a_call_of_it_is_at_the_provider(fleet: Fleet) -> None:
    """It would be stopped with its job, and paid for in vain; a circuit's probe would never end."""
    provider, gate = Provider(), fleet.gate(longest_wait_ms=100)
    await fleet.limit(in_flight=2)
    provider.gate.clear()
    first = asyncio.ensure_future(gate.ask(call_of("a"), provider))
    await until(lambda: provider.in_flight == 1)
    other = asyncio.ensure_future(gate.ask(call_of("b", job_id="ai-2"), provider))
    await until(lambda: provider.in_flight == 2)
    held = asyncio.ensure_future(gate.ask(call_of("c"), provider))
    of_nobody = asyncio.ensure_future(gate.ask(call_of("d", job_id="ai-3"), provider))
    with pytest.raises(CallHeld):
        await of_nobody
    assert not held.done()
    provider.gate.set()
    await asyncio.gather(first, other)
    with pytest.raises(CallHeld):
        await held


async def test_a_failure_says_whether_the_provider_answers_anybody(fleet: Fleet) -> None:
    failing, gate = Provider(failure=ServerFailed()), fleet.gate(longest_wait_ms=100)

    async def failure(request: str) -> ProviderFailure:
        with pytest.raises(ProviderFailure) as raised:
            await gate.ask(call_of(request), failing)
        return raised.value

    assert (await failure("a")).away_until_ms is None
    await gate.ask(call_of("well"), Provider())
    assert (await failure("a")).away_until_ms is None
    now_ms = (await fleet.report()).read_ms
    assert now_ms + 5_000 <= ((await failure("a")).away_until_ms or 0) < now_ms + 60_000
    for request in "bc":
        await failure(request)
    # The circuit is open: who has opened it comes after those who were held
    opened = await failure("d")
    circuit = (await fleet.report()).circuit
    assert circuit.state is CircuitState.OPEN
    assert (opened.away_until_ms or 0) > (circuit.until_ms or 0)
    # A key that is refused costs no attempt in any case, and is told as it is
    failing.failure = AuthenticationFailed()
    with pytest.raises(AuthenticationFailed) as refused:
        await fleet.gate().ask(call_of("e", model="gift"), failing)
    assert refused.value.away_until_ms is None


async def test_a_short_wait_is_waited_out(fleet: Fleet) -> None:
    provider, gate = Provider(), fleet.gate()
    await fleet.limit(requests=600)
    await asyncio.gather(*(gate.ask(call_of(str(i)), provider) for i in range(20)))
    assert provider.calls == 20
    assert (await fleet.report()).granted == 20


async def test_a_refusal_makes_the_queue_wait_and_the_call_is_made_again(fleet: Fleet) -> None:
    provider, gate = Provider(failure=RateLimited("slow down", retry_after_ms=300)), fleet.gate()
    asking = asyncio.ensure_future(gate.ask(call_of(), provider))
    await until(lambda: provider.calls == 1 and provider.in_flight == 0)
    provider.failure = None
    assert not (await asking).reused
    report = await fleet.report()
    assert (report.refused, provider.calls) == (1, 2)
    assert report.may_fly < 8
    assert (await fleet.books()).total.cost_micro_usd == 100


async def test_a_provider_that_names_a_long_pause_has_calls_held(fleet: Fleet) -> None:
    provider, gate = Provider(failure=RateLimited("slow down", retry_after_ms=50_000)), fleet.gate()
    with pytest.raises(CallHeld) as held:
        await gate.ask(call_of(), provider)
    assert held.value.reason == "PROVIDER_PAUSED"
    with pytest.raises(CallHeld):
        await fleet.gate().ask(call_of("other"), provider)
    assert provider.calls == 1


async def test_the_provider_is_believed(fleet: Fleet) -> None:
    headers = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "0"}
    provider, gate = Provider(headers=headers), fleet.gate(longest_wait_ms=100)
    await gate.ask(call_of("a"), provider)
    with pytest.raises(CallHeld) as held:
        await gate.ask(call_of("b"), provider)
    assert held.value.reason == "REQUEST_LIMIT"
    assert (await fleet.report()).left["requests"].limit == 60


async def test_a_refusal_tells_the_limits_as_well(fleet: Fleet) -> None:
    headers = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "0"}
    refusal = RateLimited("slow down", retry_after_ms=0, told=told_by(headers))
    provider, gate = Provider(failure=refusal), fleet.gate(longest_wait_ms=100)
    # The first call that was ever made is refused: it is not sent again into a limit that is used up
    with pytest.raises(CallHeld) as held:
        await gate.ask(call_of(), provider)
    assert (held.value.reason, provider.calls) == ("REQUEST_LIMIT", 1)
    assert (await fleet.report()).left["requests"].limit == 60


async def test_a_circuit_opens_within_five_failing_calls_and_holds_all(fleet: Fleet) -> None:
    provider, gate = Provider(failure=ServerFailed()), fleet.gate(longest_wait_ms=1_000)
    for i in range(5):
        with pytest.raises(ProviderFailure):
            await gate.ask(call_of(str(i)), provider)
    with pytest.raises(CallHeld) as held:
        await fleet.gate(longest_wait_ms=1_000).ask(call_of("x"), provider)
    assert (held.value.reason, provider.calls) == ("CIRCUIT_OPEN", 5)
    assert (await fleet.report()).circuit.state is CircuitState.OPEN


async def test_another_key_closes_what_a_bad_key_opened(fleet: Fleet) -> None:
    provider = Provider(failure=AuthenticationFailed())
    with pytest.raises(ProviderFailure):
        await fleet.gate(key_fingerprint="old").ask(call_of("a"), provider)
    with pytest.raises(CallHeld):
        await fleet.gate(key_fingerprint="old").ask(call_of("b"), provider)
    provider.failure = None
    await fleet.gate(key_fingerprint="new").ask(call_of("c"), provider)
    assert (await fleet.report()).circuit.state is CircuitState.RAMPING


async def test_a_budget_holds_with_many_calls_at_once(fleet: Fleet) -> None:
    """Each may cost 150 and costs 100: of 1,000 nothing may be left that one more call could have had."""
    provider, gates = Provider(), [fleet.gate() for _ in range(4)]
    await fleet.budget(Budget(BudgetScope.DAY, 1_000, SpentPolicy.REFUSE))
    asking = (gates[i % 4].ask(call_of(str(i)), provider) for i in range(60))
    results = await asyncio.gather(*asking, return_exceptions=True)
    refused = [each for each in results if isinstance(each, BudgetSpent)]
    assert len(refused) + sum(isinstance(each, Answer) for each in results) == 60
    spent = (await fleet.books()).day
    assert (spent.cost_micro_usd, spent.held_micro_usd, spent.calls) == (900, 0, 9)


@pytest.mark.parametrize(
    ("policy", "expected", "reason"),
    [
        (SpentPolicy.HOLD, CallHeld, "DAY_BUDGET_SPENT"),
        (SpentPolicy.REFUSE, BudgetSpent, ""),
        (SpentPolicy.CHEAPER, CheaperModelWanted, ""),
    ],
)
async def test_a_spent_budget_does_as_it_is_set(
    fleet: Fleet, policy: SpentPolicy, expected: type[Exception], reason: str
) -> None:
    await fleet.budget(Budget(BudgetScope.DAY, 100, policy))
    with pytest.raises(expected) as refusal:
        await fleet.gate().ask(call_of(), Provider())
    assert getattr(refusal.value, "reason", "") == reason
    assert (await fleet.report()).in_flight == 0


async def test_a_batch_has_a_budget_of_its_own(fleet: Fleet) -> None:
    await fleet.budget(
        Budget(BudgetScope.BATCH, 100, SpentPolicy.REFUSE),
        Budget(BudgetScope.BATCH, 1_000, SpentPolicy.REFUSE, "large"),
    )
    gate, provider = fleet.gate(), Provider()
    await gate.ask(call_of("a"), provider)
    await gate.ask(call_of("b", batch_id="large"), provider)
    with pytest.raises(BudgetSpent):
        await gate.ask(call_of("c", batch_id="small"), provider)
    assert provider.calls == 2


async def test_under_a_budget_a_model_without_a_price_is_refused(fleet: Fleet) -> None:
    gate, provider = fleet.gate(), Provider()
    await gate.ask(call_of("a", model="gift"), provider)
    await fleet.budget(Budget(BudgetScope.TOTAL, 10**9))
    with pytest.raises(PriceUnknown):
        await gate.ask(call_of("b", model="gift"), provider)
    assert provider.calls == 1


async def test_an_answer_that_cannot_be_read_is_asked_for_again(fleet: Fleet) -> None:
    provider = Provider()
    await fleet.gate(keeping=Keeping(Sealer(bytes(32)))).ask(call_of(), provider)
    answer = await fleet.gate().ask(call_of(), provider)
    assert (answer.reused, provider.calls) == (False, 2)
    assert (await fleet.gate().ask(call_of(), provider)).reused


async def test_nothing_is_sent_or_reused_for_whom_the_door_is_shut(fleet: Fleet) -> None:
    provider = Provider()
    await fleet.gate().ask(call_of(), provider)
    for door in (Door(shut=True), Door(shut_for=frozenset({"t"}))):
        with pytest.raises(OutboundForbidden):
            await fleet.gate(door=door).ask(call_of(), provider)
    assert provider.calls == 1
    await fleet.gate(door=Door(shut_for=frozenset({"t"}))).ask(call_of(tenant="u"), provider)
    assert provider.calls == 2


async def test_what_is_kept_shows_nothing_of_the_answer(fleet: Fleet) -> None:
    await fleet.gate(keeping=Keeping(Sealer(bytes(32)))).ask(call_of("a-request"), Provider())
    raw: Any = redis.asyncio.Redis.from_url(fleet.url)
    for key in await raw.keys("*"):
        assert b"a-request" not in key
    [kept] = await raw.keys("*answer:*")
    assert b'"n"' not in await raw.hget(kept, "body")
    await raw.aclose()


async def test_answers_keep_within_their_memory_and_their_time(fleet: Fleet) -> None:
    provider, gate = Provider(), fleet.gate(keep_bytes=1_000)
    for i in range(6):
        await gate.ask(call_of(str(i)), provider)
    report = await fleet.report()
    assert report.answers <= 3
    assert report.answer_bytes <= 1_000
    assert (await gate.ask(call_of("5"), provider)).reused
    assert not (await gate.ask(call_of("0"), provider)).reused
    short = fleet.gate(keep_ms=1)
    await short.ask(call_of("brief"), provider)

    async def asked_again() -> bool:
        return not (await short.ask(call_of("brief"), provider)).reused

    await wait_until_async(asked_again)


async def test_tenants_share_a_model_by_their_weights_in_the_queue(fleet: Fleet) -> None:
    keys = queue_keys("test", "ai_analysis")
    await fleet.store.run(configure(keys, {"tenant:t": str(TenantLimits(weight=4.0))}))
    weights = TenantWeights(fleet.store, "test", "ai_analysis")
    assert (await weights("t"), await weights("u")) == (4.0, 1.0)

    await fleet.limit(in_flight=1)
    order: list[str] = []
    gate, first = fleet.gate(weight_of=weights, longest_wait_ms=60_000), Provider()
    first.gate.clear()
    holder = asyncio.ensure_future(gate.ask(call_of("holder", tenant="v"), first))
    await until(lambda: first.calls == 1)

    async def ask(tenant: str, number: int) -> None:
        async def send() -> Reply:
            order.append(tenant)
            return Reply(b"{}", Usage(90, 0, 10), {})

        await gate.ask(call_of(str(number), tenant=tenant), send)

    asking = [asyncio.ensure_future(ask(tenant, n)) for n in range(8) for tenant in ("t", "u")]

    async def in_line() -> bool:
        return (await fleet.report()).waiting == 16

    await wait_until_async(in_line)
    first.gate.set()
    await asyncio.gather(holder, *asking)
    # While both wait, t gets four for each of u.
    assert order[:10].count("t") == 8
