"""Every operation around a paid call, on a cluster: a script that left its slot would fail."""

from __future__ import annotations

from typing import Any

from common.provider.budget import Budget, BudgetScope
from common.provider.limits import Quota, Told
from common.store.keys import ProviderKeys
from common.store.operation import SyncRunner
from common.store.provider import budgets, calls, operating
from common.store.provider.calls import Asked, Ended, Granted, Paid, Recorded
from support.places import Place


def test_calls_and_budgets_stay_in_their_slots(cluster_place: Place) -> None:
    with cluster_place.client() as client:
        run: Any = SyncRunner(client).run
        for model in ("gpt-6-luna", "org/llama:70b"):
            keys = ProviderKeys("test", "openai", model)
            asked = [
                Asked(f"{model}{i}", calls.answer_id("t", str(i), 0), "ai-1", "t", 9, 5, 2) for i in range(3)
            ]
            run(operating.declare_model("test", "openai", model))
            run(operating.set_limits(keys, {"in_flight": 2}))
            told = [run(calls.reserve(keys, each, longest_ms=9_000)) for each in asked]
            assert [type(each) for each in told] == [Granted, Granted, calls.Wait]
            assert run(calls.renew(keys, asked[0].token))
            paid = Paid(b"body", 8, 0, 3, 7)
            assert run(calls.settle(keys, asked[0], paid, Told(Quota(60, 50)), keep_bytes=1))
            assert run(calls.release(keys, asked[1].token, Ended("TRANSIENT", opens_circuit=True))).there
            assert run(calls.release(keys, asked[2].token, Ended(""))).there
            assert isinstance(run(calls.reserve(keys, asked[0], longest_ms=0)), Recorded)
            assert run(operating.close_circuit(keys)).answers == 1
        for tenant in ("t", "u"):
            assert run(budgets.set_budgets("test", tenant, [Budget(BudgetScope.DAY, 100)])) is not None
            reserved = budgets.reserve_budget("test", tenant, "c", 60, batch_id="b", lease_ms=9_000)
            assert run(reserved) == budgets.Reserved()
            assert run(budgets.settle_budget("test", tenant, "c", 50, counts={"calls": 1}))
            assert run(budgets.read_budgets("test", tenant, batch_id="b")).batch.cost_micro_usd == 50
        assert len(run(operating.list_models("test"))) == 2
