"""What becomes of a job whose model fails: each strategy, with a provider over HTTP that has the fault."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import redis.asyncio
from _pytest.mark import ParameterSet

from analysis_worker.domain.conversation import Conversation
from analysis_worker.domain.provenance import DegradedReason, Dimension, PassedOver
from analysis_worker.engines.openai.access import ModelAccess
from analysis_worker.engines.openai.adapter import OpenAiAdapter
from analysis_worker.engines.openai.findings import Found
from analysis_worker.engines.openai.outbound import outbound_of
from analysis_worker.paid.away import OWN_FAILURES
from analysis_worker.paid.gate import GateSettings, PaidGate
from analysis_worker.transcript.by_model import Outcome, Unanswered, Wish, start
from analysis_worker.transcript.giving_up import give_up
from analysis_worker.transcript.screening import Screen
from bothsides.jobs import v1 as pb
from common.job.failure import AttemptFailed
from common.job.ids import JobId
from common.job.model import ErrorClass
from common.provider.budget import Budget, BudgetScope, SpentPolicy
from common.provider.errors import ProviderFailure, QuotaExhausted, ServerFailed, Timeout
from common.provider.models import ModelCard, ModelTable
from common.store.keys import provider_keys
from common.store.operation import AsyncRunner
from common.store.provider.budgets import set_budgets
from common.store.provider.operating import set_limits
from support.analysis import debate
from support.attempts import RecordedAttempt, SnoozedFor, context_of
from support.openai_author import honest
from support.openai_server import Fault, OpenAiServer, completion, error, openai_server

Spec = pb.TranscriptAnalysisSpec
NAMESPACE = "test"
TABLE = ModelTable(
    {
        "dear": ModelCard("dear", price_input=900_000, price_output=900_000, fallbacks=("small", "cheap")),
        "small": ModelCard("small", price_input=900_000, price_output=900_000, context_tokens=8_000),
        "cheap": ModelCard("cheap", price_input=100, price_output=100, context_tokens=64_000),
        "vast": ModelCard("vast", price_input=900_000, price_output=900_000, context_tokens=1_000_000),
        "gift": ModelCard("gift"),
        "terse": ModelCard("terse", max_output_tokens=900, price_input=100, price_output=100),
    }
)


def said(trees: int = 3) -> Conversation:
    """Return a debate; another for another number."""
    return debate(
        ("ann", "We should plant trees in Elm Road. It is cooler there because of the shade."),
        ("bob", f"Those {trees} trees cost too much."),
        ("ann", "They pay for themselves."),
    )


SAID = said()
#: Longer than the test's adapter waits.
SILENT = Fault(silent=True)
HTML = Fault(body=b"<html></html>", content_type="text/html")
BROKEN = Fault(body=completion('{"components": "none"}'))


@dataclass
class Desk:
    """A worker's way to a provider, with the real gate between them."""

    server: OpenAiServer
    store: AsyncRunner
    access: ModelAccess
    gate: PaidGate
    attempt: RecordedAttempt

    async def outcome(self, debated: Conversation = SAID, /, **spec: Any) -> Outcome:
        """Ask for the arguments of a debate, as a job with this spec would."""
        wish = Wish.of(Spec(conversation_id="c", **spec))
        assert wish is not None
        context = context_of(self.attempt, paid=self.gate, models=self.access)
        screen = Screen(context.screening, pb.ContentFilter())
        asked = start(context, wish, outbound_of(debated, b"secret"), [Dimension.ARGUMENTS], screen)
        return await asked[Dimension.ARGUMENTS]

    async def found(self, **spec: Any) -> Found:
        outcome = await self.outcome(**spec)
        assert isinstance(outcome, Found), outcome
        return outcome

    async def budget(self, limit: int, policy: SpentPolicy) -> None:
        budget = Budget(BudgetScope.DAY, limit, policy)
        await self.store.run(set_budgets(NAMESPACE, self.attempt.tenant, [budget]))

    def models_heard(self) -> list[str]:
        return [body["model"] for body in self.server.requests()]


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(honest) as served:
        yield served


@pytest.fixture
async def desk(valkey: str, server: OpenAiServer) -> AsyncIterator[Desk]:
    client = redis.asyncio.Redis.from_url(valkey, protocol=2)
    store = AsyncRunner(client)
    settings = GateSettings(longest_wait_ms=600)
    async with OpenAiAdapter("sk-test", base_url=server.url, timeout_s=1) as adapter:
        gate = PaidGate(store, NAMESPACE, models=TABLE, settings=settings)
        access = ModelAccess(adapter, TABLE, "dear", b"secret")
        yield Desk(server, store, access, gate, RecordedAttempt())
    await client.aclose()


async def test_retry_what_failed_in_passing_is_asked_once_more_at_once(desk: Desk) -> None:
    desk.server.faults = [error(503)]
    assert (await desk.found()).model == "dear"
    assert desk.models_heard() == ["dear", "dear"]


async def test_wait_a_rate_limit_is_waited_for_and_no_other_model_is_asked(desk: Desk) -> None:
    desk.server.faults = [error(429, "rate_limit_exceeded", retry_after_ms="300")]
    found = await desk.found()
    assert (found.model, found.passed_over) == ("dear", ())
    assert desk.models_heard() == ["dear", "dear"]


async def test_repair_an_answer_that_is_not_of_the_schema_is_mended(desk: Desk) -> None:
    desk.server.faults = [BROKEN]
    assert (await desk.found()).dropped == 0
    first, second = desk.server.requests()
    assert len(second["messages"]) == len(first["messages"]) + 1


async def test_repair_an_answer_that_was_cut_gets_twice_the_room(desk: Desk) -> None:
    desk.server.faults = [Fault(body=completion('{"comp', finish_reason="length"))]
    assert (await desk.found()).dropped == 0
    first, second = (body["max_completion_tokens"] for body in desk.server.requests())
    assert second == 2 * first


async def test_repair_a_cut_answer_is_asked_for_once_where_the_model_has_no_more_room(desk: Desk) -> None:
    desk.server.away = {"terse": Fault(body=completion('{"comp', finish_reason="length"))}
    outcome = await desk.outcome(models=["terse"])
    assert isinstance(outcome, Unanswered)
    assert outcome.reason is DegradedReason.INVALID_OUTPUT
    assert [body["max_completion_tokens"] for body in desk.server.requests()] == [900]


async def test_shrink_the_window_and_then_a_model_that_takes_more(desk: Desk) -> None:
    desk.server.away = {"cheap": error(400, "context_length_exceeded")}
    found = await desk.found(models=["cheap", "small", "vast"])
    # Asked with whole windows, then with halves; "small" takes less still, and is not asked
    assert desk.models_heard() == ["cheap", "cheap", "vast"]
    assert found.model == "vast"
    assert [each.model for each in found.passed_over] == ["cheap", "small"]


AWAY: list[ParameterSet] = [
    pytest.param(error(500), DegradedReason.UNAVAILABLE, id="500"),
    pytest.param(error(503), DegradedReason.UNAVAILABLE, id="503"),
    pytest.param(Fault(drop=True), DegradedReason.UNAVAILABLE, id="dropped"),
    pytest.param(HTML, DegradedReason.UNAVAILABLE, id="html"),
    pytest.param(SILENT, DegradedReason.TIMEOUT, id="silent"),
    pytest.param(error(404, "model_not_found"), DegradedReason.UNAVAILABLE, id="no such model"),
    pytest.param(error(429, "insufficient_quota"), DegradedReason.QUOTA, id="no quota"),
    pytest.param(
        error(429, "rate_limit_exceeded", retry_after="60"), DegradedReason.RATE_LIMITED, id="rate limit"
    ),
]


@pytest.mark.parametrize(("fault", "reason"), AWAY)
async def test_fall_back_to_the_next_model_that_answers(
    desk: Desk, fault: Fault, reason: DegradedReason
) -> None:
    desk.server.away = {"dear": fault}
    found = await desk.found(on_unavailable=Spec.FALLBACK)
    assert found.model == "small"
    assert found.passed_over == (PassedOver("dear", reason),)


async def test_fall_back_to_the_models_that_the_job_names(desk: Desk) -> None:
    desk.server.away = {"dear": error(500)}
    for policy in (Spec.DEGRADE, Spec.FALLBACK):
        found = await desk.found(models=["dear", "unheard", "vast"], on_unavailable=policy)
        assert (found.model, [each.model for each in found.passed_over]) == ("vast", ["dear"])


async def test_fall_back_from_a_call_that_is_held(desk: Desk) -> None:
    # By a limit of ours: one call takes all of a minute
    await desk.store.run(
        set_limits(provider_keys(NAMESPACE, desk.access.adapter.provider, "dear"), {"requests": 1})
    )
    assert (await desk.found()).model == "dear"
    desk.attempt.job_id = JobId("ai-2")
    found = await desk.found(force_refresh=True, on_unavailable=Spec.FALLBACK)
    assert (found.model, found.passed_over) == ("small", (PassedOver("dear", DegradedReason.RATE_LIMITED),))
    # By an open circuit: nobody asks it any more
    desk.server.away = {"vast": error(429, "insufficient_quota")}
    for _ in range(2):
        found = await desk.found(models=["vast", "cheap"])
        assert (found.model, found.passed_over) == ("cheap", (PassedOver("vast", DegradedReason.QUOTA),))
    assert desk.models_heard().count("vast") == 1


async def test_fall_back_to_a_cheaper_model_where_the_budget_wants_one(desk: Desk) -> None:
    await desk.budget(4_000, SpentPolicy.CHEAPER)
    found = await desk.found()
    # "small" costs as much, and is not asked
    assert desk.models_heard() == ["cheap"]
    assert found.model == "cheap"
    assert found.passed_over == (
        PassedOver("dear", DegradedReason.BUDGET),
        PassedOver("small", DegradedReason.BUDGET),
    )
    # One whose price nobody knows is not free
    found = await desk.found(models=["gift", "cheap"], force_refresh=True)
    assert found.passed_over == (PassedOver("gift", DegradedReason.BUDGET),)


async def test_fall_back_to_a_cheaper_model_where_the_jobs_own_bound_wants_one(desk: Desk) -> None:
    bound: dict[str, Any] = {"max_cost_micro_usd": 4_000}
    found = await desk.found(**bound)
    assert (desk.models_heard(), found.model) == (["cheap"], "cheap")
    # With none that costs less it is local; and where that is not wanted, it fails and does not wait
    assert await desk.outcome(models=["dear"], **bound) == Unanswered(
        DegradedReason.BUDGET, (PassedOver("dear", DegradedReason.BUDGET),)
    )
    with pytest.raises(AttemptFailed) as failed:
        await desk.outcome(models=["dear"], on_unavailable=Spec.FALLBACK, **bound)
    assert (failed.value.error_class, failed.value.reason) == (ErrorClass.INVALID_INPUT, "BUDGET_SPENT")
    assert "max_cost_micro_usd" in failed.value.suggestion


async def test_a_jobs_bound_holds_over_its_attempts(desk: Desk) -> None:
    bound: dict[str, Any] = {"models": ["dear"], "max_cost_micro_usd": 7_200}
    asked = []
    for attempt in range(1, 9):
        desk.attempt.attempt = attempt
        asked.append(await desk.outcome(said(attempt), **bound))
    # Each call sets about 6,700 aside and costs 108: some fit, until no other does
    found = [isinstance(outcome, Found) for outcome in asked]
    assert found == sorted(found, reverse=True)
    assert 2 <= sum(found) <= 7
    assert len(desk.server.heard) == sum(found)
    # What was paid for is there, and costs nothing
    assert isinstance(await desk.outcome(said(1), **bound), Found)
    # Another job has a bound of its own
    desk.attempt.job_id = JobId("ai-2")
    assert isinstance(await desk.outcome(said(8), **bound), Found)


@pytest.mark.parametrize("policy", [SpentPolicy.HOLD, SpentPolicy.REFUSE])
async def test_a_budget_that_says_wait_or_refuse_is_not_got_round(desk: Desk, policy: SpentPolicy) -> None:
    await desk.budget(4_000, policy)
    assert await desk.outcome() == Unanswered(
        DegradedReason.BUDGET, (PassedOver("dear", DegradedReason.BUDGET),)
    )
    with pytest.raises(SnoozedFor if policy is SpentPolicy.HOLD else AttemptFailed) as ended:
        await desk.outcome(on_unavailable=Spec.FALLBACK)
    assert desk.models_heard() == []
    if isinstance(ended.value, AttemptFailed):
        assert (ended.value.error_class, ended.value.reason) == (ErrorClass.INVALID_INPUT, "BUDGET_SPENT")
        assert "bothsides budgets set" in ended.value.suggestion
    else:
        assert ended.value.args[0].startswith("DAY_BUDGET_SPENT")


@pytest.mark.parametrize(("fault", "reason"), AWAY)
async def test_degrade_where_no_model_answers(desk: Desk, fault: Fault, reason: DegradedReason) -> None:
    desk.server.away = dict.fromkeys(("dear", "cheap"), fault)
    outcome = await desk.outcome(models=["dear", "cheap"])
    assert outcome == Unanswered(reason, (PassedOver("dear", reason), PassedOver("cheap", reason)))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(body=completion(None, refusal="no")), DegradedReason.REFUSAL),
        (Fault(body=completion(None, finish_reason="content_filter")), DegradedReason.CONTENT_FILTER),
        (error(400, "content_policy_violation"), DegradedReason.CONTENT_FILTER),
        (BROKEN, DegradedReason.INVALID_OUTPUT),
        (error(400, "unsupported_value"), DegradedReason.UNAVAILABLE),
    ],
)
async def test_degrade_at_once_where_to_ask_again_would_bring_the_same(
    desk: Desk, fault: Fault, reason: DegradedReason
) -> None:
    desk.server.away = {"dear": fault}
    outcome = await desk.outcome(on_unavailable=Spec.WAIT)
    assert isinstance(outcome, Unanswered)
    assert outcome.reason is reason
    assert set(desk.models_heard()) == {"dear"}


@pytest.mark.parametrize("policy", [Spec.WAIT, Spec.FALLBACK])
@pytest.mark.parametrize("fault", [error(500), Fault(drop=True), SILENT], ids=["500", "dropped", "silent"])
async def test_wait_a_job_alone_loses_no_attempt_while_nobody_is_answered(
    desk: Desk, fault: Fault, policy: int
) -> None:
    desk.server.away = dict.fromkeys(("dear", "cheap"), fault)
    reasons = []
    while "CIRCUIT_OPEN" not in reasons:
        with pytest.raises(SnoozedFor) as snoozed:
            await desk.outcome(models=["dear", "cheap"], on_unavailable=policy)
        assert 0 < snoozed.value.delay_ms <= 10_000
        reasons.append(snoozed.value.reason)
    assert set(reasons) == {"PROVIDER_AWAY", "CIRCUIT_OPEN"}
    assert desk.models_heard().count("dear") == 5


@pytest.mark.parametrize("fault", [error(500), Fault(drop=True)], ids=["500", "dropped"])
async def test_give_up_a_request_that_breaks_the_provider_while_others_are_answered(
    desk: Desk, fault: Fault
) -> None:
    def breaks(body: Mapping[str, Any]) -> Fault | None:
        return fault if "999 trees" in body["messages"][2]["content"] else None

    desk.server.fault_of = breaks
    wish = {"models": ["dear"], "on_unavailable": Spec.WAIT}
    # Its two tries in a row look like an outage each time, for as long as that may be chance
    for number in range(OWN_FAILURES):
        with pytest.raises(SnoozedFor, match="PROVIDER_AWAY"):
            await desk.outcome(said(999), **wish)
        assert isinstance(await desk.outcome(said(number), **wish), Found)
    with pytest.raises(AttemptFailed) as failed:
        await desk.outcome(said(999), **wish)
    assert failed.value.error_class is ErrorClass.TRANSIENT
    assert failed.value.reason == "REQUEST_BREAKS_PROVIDER"
    assert "leave out the dimension" in failed.value.suggestion
    # Others that wait are not taken for the same
    desk.server.fault_of = lambda _: fault
    with pytest.raises(SnoozedFor, match="PROVIDER_AWAY"):
        await desk.outcome(said(700), **wish)


async def test_wait_for_the_model_that_is_away_where_the_next_is_too_dear(desk: Desk) -> None:
    await desk.budget(4_000, SpentPolicy.CHEAPER)
    desk.server.away = {"cheap": error(500)}
    with pytest.raises(SnoozedFor, match="PROVIDER_AWAY"):
        await desk.outcome(models=["cheap", "dear"], on_unavailable=Spec.FALLBACK)


GIVEN_UP: Mapping[str, tuple[Fault, ErrorClass, str]] = {
    "no such model": (error(404, "model_not_found"), ErrorClass.AUTHENTICATION, "name a model"),
    "no quota": (error(429, "insufficient_quota"), ErrorClass.QUOTA_EXHAUSTED, "bill"),
    "bad key": (error(401, "invalid_api_key"), ErrorClass.AUTHENTICATION, "OPENAI_API_KEY"),
}


@pytest.mark.parametrize(("fault", "error_class", "way_out"), GIVEN_UP.values(), ids=GIVEN_UP)
async def test_give_up_says_what_a_person_can_do(
    desk: Desk, fault: Fault, error_class: ErrorClass, way_out: str
) -> None:
    desk.server.away = {"dear": fault}
    with pytest.raises(AttemptFailed) as failed:
        await desk.outcome(on_unavailable=Spec.WAIT)
    assert failed.value.error_class is error_class
    assert way_out in failed.value.suggestion
    assert "on_unavailable=DEGRADE" in failed.value.suggestion
    assert set(desk.models_heard()) == {"dear"}


@pytest.mark.parametrize(
    ("failure", "way_out"), [(ServerFailed(), "circuits list"), (Timeout(), "retry the job")]
)
def test_give_up_spends_an_attempt_where_others_are_answered(failure: ProviderFailure, way_out: str) -> None:
    with pytest.raises(AttemptFailed) as failed:
        give_up(context_of(RecordedAttempt()), failure)
    assert failed.value.error_class is failure.error_class
    assert way_out in failed.value.suggestion


def test_give_up_sleeps_for_no_quota_longer_than_an_operator_may_take_to_renew_it() -> None:
    with pytest.raises(AttemptFailed) as failed:
        give_up(context_of(RecordedAttempt()), QuotaExhausted(retry_after_ms=3_600_000))
    assert failed.value.retry_after_ms is None


async def test_wait_for_the_model_that_may_be_asked_first(desk: Desk) -> None:
    desk.server.away = {
        "dear": error(429, "rate_limit_exceeded", retry_after="90"),
        "cheap": error(429, "rate_limit_exceeded", retry_after="40"),
    }
    with pytest.raises(SnoozedFor) as snoozed:
        await desk.outcome(models=["dear", "cheap"], on_unavailable=Spec.FALLBACK)
    assert snoozed.value.reason == "PROVIDER_PAUSED"
    assert 30_000 < snoozed.value.delay_ms < 45_000


async def test_give_up_names_what_is_not_known_of_a_model(desk: Desk) -> None:
    with pytest.raises(AttemptFailed) as failed:
        await desk.outcome(language_model="unheard", on_unavailable=Spec.WAIT)
    assert (failed.value.reason, "PROVIDER_MODELS_FILE" in failed.value.suggestion) == ("MODEL_UNKNOWN", True)
    await desk.budget(4_000, SpentPolicy.CHEAPER)
    with pytest.raises(AttemptFailed) as failed:
        await desk.outcome(language_model="gift", on_unavailable=Spec.WAIT)
    assert (failed.value.reason, "PROVIDER_MODELS_FILE" in failed.value.suggestion) == ("PRICE_UNKNOWN", True)
