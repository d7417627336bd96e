"""Limits, circuits and budgets of paid providers, over a real port and a real store."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from google.protobuf.field_mask_pb2 import FieldMask

from bothsides.jobs import v1 as pb
from common.auth.caller import Role
from common.provider.limits import Quota, Told
from common.store.keys import provider_keys
from common.store.operation import Operation, SyncRunner
from common.store.provider import calls
from common.store.provider.budgets import reserve_budget, settle_budget
from common.store.provider.calls import Asked, Ended, Paid
from support.scheduler import NAMESPACE, Served, credentials, refusal, serving

NAMES: Any = {"provider": "openai", "model": "gpt-6-luna"}
KEYS = provider_keys(NAMESPACE, "openai", "gpt-6-luna")


def run(client: redis.Redis, operation: Operation[Any]) -> Any:
    return SyncRunner(client).run(operation)


def asked(number: int) -> Asked:
    answer = calls.answer_id("default", str(number), 0)
    return Asked(f"token{number}", answer, f"ai-{number}", "default", 100, 50, 20)


async def limits_of(scheduler: Served) -> pb.ProviderLimits:
    return await scheduler.queues.GetProviderLimits(pb.GetProviderLimitsRequest(**NAMES))


async def test_limits_are_set_changed_and_removed(scheduler: Served) -> None:
    limits = pb.ProviderLimits(**NAMES, requests_per_minute=600, max_in_flight=4)
    made = await scheduler.queues.UpdateProviderLimits(pb.UpdateProviderLimitsRequest(provider_limits=limits))
    assert (made.requests_per_minute, made.max_in_flight, made.allowed_in_flight) == (600, 4, 4)
    assert not made.HasField("tokens_per_minute")
    assert made.left["requests"].limit == 600

    changed = await scheduler.queues.UpdateProviderLimits(
        pb.UpdateProviderLimitsRequest(
            provider_limits=pb.ProviderLimits(**NAMES, tokens_per_minute=5_000, etag=made.etag),
            update_mask=FieldMask(paths=["requests_per_minute", "tokens_per_minute"]),
        )
    )
    assert not changed.HasField("requests_per_minute")
    assert (changed.tokens_per_minute, changed.max_in_flight) == (5_000, 4)

    stale = pb.ProviderLimits(**NAMES, max_in_flight=9, etag=made.etag)
    refused = await refusal(
        scheduler.queues.UpdateProviderLimits(pb.UpdateProviderLimitsRequest(provider_limits=stale))
    )
    assert refused.reason == "ETAG_MISMATCH"
    listed = await scheduler.queues.ListProviderLimits(pb.ListProviderLimitsRequest())
    assert [limits.etag for limits in listed.provider_limits] == [(await limits_of(scheduler)).etag]


async def test_a_limit_needs_a_model_and_no_other_field(scheduler: Served) -> None:
    nameless = pb.UpdateProviderLimitsRequest(provider_limits=pb.ProviderLimits(provider="openai"))
    assert (await refusal(scheduler.queues.UpdateProviderLimits(nameless))).reason == "FIELD_INVALID"
    masked = pb.UpdateProviderLimitsRequest(
        provider_limits=pb.ProviderLimits(**NAMES), update_mask=FieldMask(paths=["in_flight"])
    )
    assert (await refusal(scheduler.queues.UpdateProviderLimits(masked))).reason == "FIELD_INVALID"


async def test_limits_tell_what_the_fleet_has_done(scheduler: Served, client: redis.Redis) -> None:
    for number in range(2):
        run(client, calls.reserve(KEYS, asked(number), longest_ms=0))
    told = Told(Quota(60, 40), Quota(9_000, 8_000))
    run(client, calls.settle(KEYS, asked(0), Paid(b"x", 90, 0, 10, 7), told))

    limits = await limits_of(scheduler)

    assert (limits.granted_count, limits.in_flight, limits.kept_answer_count) == (2, 1, 1)
    assert (limits.left["requests"].limit, limits.left["tokens"].limit) == (60, 9_000)
    assert limits.left["requests"].left <= 40
    assert limits.HasField("mean_latency")


async def test_a_circuit_is_seen_and_closed(scheduler: Served, client: redis.Redis) -> None:
    request = pb.UpdateProviderLimitsRequest(provider_limits=pb.ProviderLimits(**NAMES, max_in_flight=4))
    await scheduler.queues.UpdateProviderLimits(request)
    run(client, calls.reserve(KEYS, asked(0), longest_ms=0))
    ended = Ended("QUOTA_EXHAUSTED", opens_circuit=True, reset_ms=3_600_000, key_fingerprint="k")
    run(client, calls.release(KEYS, "token0", ended))

    [circuit] = (await scheduler.queues.ListCircuits(pb.ListCircuitsRequest())).circuits
    assert (circuit.state, circuit.reason) == (pb.Circuit.OPEN, "QUOTA_EXHAUSTED")
    assert circuit.open_until_time.seconds - circuit.open_time.seconds == 3_600

    for _ in range(2):
        closed = await scheduler.queues.ResetCircuit(pb.ResetCircuitRequest(**NAMES))
        assert closed == pb.Circuit(**NAMES, state=pb.Circuit.CLOSED)
    assert isinstance(run(client, calls.reserve(KEYS, asked(1), longest_ms=0)), calls.Granted)


async def test_budgets_are_set_seen_and_removed(scheduler: Served, client: redis.Redis) -> None:
    day = pb.Budget(scope=pb.Budget.DAY, limit_micro_usd=5_000, spent_policy=pb.Budget.REFUSE)
    batch = pb.Budget(scope=pb.Budget.BATCH, batch_id="b1", limit_micro_usd=900)
    made = await scheduler.queues.UpdateBudgets(
        pb.UpdateBudgetsRequest(tenant_budgets=pb.TenantBudgets(budgets=[day, batch]))
    )
    assert made.tenant == "default"
    assert sorted(budget.limit_micro_usd for budget in made.budgets) == [900, 5_000]

    run(client, reserve_budget(NAMESPACE, "default", "t", 800, batch_id="b1", lease_ms=9_000))
    run(client, settle_budget(NAMESPACE, "default", "t", 500, counts={"calls": 1, "input_tokens": 30}))
    read = await scheduler.queues.GetBudgets(pb.GetBudgetsRequest(batch_id="b1"))
    assert read.total == read.day == read.batch
    assert read.total == pb.Spending(cost_micro_usd=500, call_count=1, input_tokens=30)

    left = await scheduler.queues.UpdateBudgets(
        pb.UpdateBudgetsRequest(
            tenant_budgets=pb.TenantBudgets(etag=made.etag),
            removed=[pb.Budget(scope=pb.Budget.BATCH, batch_id="b1")],
        )
    )
    assert list(left.budgets) == [day]


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (pb.UpdateBudgetsRequest(tenant_budgets=pb.TenantBudgets()), "FIELD_INVALID"),
        (
            pb.UpdateBudgetsRequest(
                tenant_budgets=pb.TenantBudgets(budgets=[pb.Budget(scope=pb.Budget.DAY, batch_id="b")])
            ),
            "FIELD_INVALID",
        ),
        (
            pb.UpdateBudgetsRequest(tenant_budgets=pb.TenantBudgets(budgets=[pb.Budget(limit_micro_usd=1)])),
            "FIELD_INVALID",
        ),
        (
            pb.UpdateBudgetsRequest(
                tenant_budgets=pb.TenantBudgets(etag="x", budgets=[pb.Budget(scope=pb.Budget.DAY)])
            ),
            "ETAG_MISMATCH",
        ),
    ],
)
async def test_a_budget_that_makes_no_sense_is_refused(
    scheduler: Served, request_: pb.UpdateBudgetsRequest, reason: str
) -> None:
    assert (await refusal(scheduler.queues.UpdateBudgets(request_))).reason == reason


async def test_the_budgets_of_another_tenant_are_for_operators(valkey: str) -> None:
    other = pb.GetBudgetsRequest(tenant="b")
    async with serving(valkey, auth=True) as served:
        own = await served.queues.GetBudgets(pb.GetBudgetsRequest(), metadata=credentials("a", Role.VIEWER))
        refused = await refusal(served.queues.GetBudgets(other, metadata=credentials("a", Role.VIEWER)))
        seen = await served.queues.GetBudgets(other, metadata=credentials("a", Role.OPERATOR))
    assert (own.tenant, refused.reason, seen.tenant) == ("a", "PERMISSION_MISSING", "b")


async def test_who_may_change_what(valkey: str) -> None:
    limits = pb.UpdateProviderLimitsRequest(provider_limits=pb.ProviderLimits(**NAMES, max_in_flight=4))
    reset = pb.ResetCircuitRequest(**NAMES)
    async with serving(valkey, auth=True) as served:
        operator = credentials("a", Role.OPERATOR)
        assert (
            await refusal(served.queues.UpdateProviderLimits(limits, metadata=operator))
        ).reason == "PERMISSION_MISSING"
        assert (
            await refusal(served.queues.ResetCircuit(reset, metadata=credentials("a", Role.VIEWER)))
        ).reason == "PERMISSION_MISSING"
        await served.queues.ResetCircuit(reset, metadata=operator)
        await served.queues.UpdateProviderLimits(limits, metadata=credentials("a", Role.ADMIN))
