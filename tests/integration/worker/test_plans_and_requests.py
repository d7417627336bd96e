"""What the scheduler plans for a job, held to the requests that a worker makes for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from analysis_worker.domain.insights import Held
from analysis_worker.domain.metric import measured
from analysis_worker.engines.local.insights.develop import insights_of
from analysis_worker.engines.local.insights.measures import MEASURES
from analysis_worker.engines.openai.adapter import OpenAiAdapter
from analysis_worker.engines.openai.asking import Client
from analysis_worker.engines.openai.engine import find
from analysis_worker.engines.openai.in_turn import Models
from analysis_worker.engines.openai.insights.facts import facts_of
from analysis_worker.engines.openai.insights.telling import tell
from analysis_worker.engines.openai.outbound import outbound_of
from analysis_worker.engines.openai.reflections.reading import find_in_reflection
from analysis_worker.engines.openai.reflections.written import written
from analysis_worker.engines.openai.request import ModelRequest
from analysis_worker.paid.port import Call
from analysis_worker.transcript.by_model import ASKED
from analysis_worker.wire.conversation import conversation_from_pb
from analysis_worker.wire.metric import dimension_from_pb
from bothsides.jobs import v1 as pb
from common.provider.models import ModelTable
from common.provider.planning import EXPECTED_TOKENS, Reading
from scheduler.wire.model_wishes import PASSES, REFLECTION_PASSES, wish_of
from support.debates import debate
from support.insights_author import teller
from support.openai_author import honest
from support.openai_server import OpenAiServer, openai_server
from support.reflection_author import reader
from support.straight_calls import StraightCalls

CARD = ModelTable().card("gpt-6-luna")


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(honest) as served:
        yield served


@pytest.fixture
async def adapter(server: OpenAiServer) -> AsyncIterator[OpenAiAdapter]:
    async with OpenAiAdapter("sk-test", base_url=server.url) as opened:
        yield opened


def most(call: Call) -> int:
    return CARD.cost_micro_usd(call.input_tokens, 0, call.output_tokens)


@pytest.mark.parametrize("turns", [20, 60, 160])
async def test_a_plan_is_near_the_requests_and_the_least_is_below_them(
    server: OpenAiServer, adapter: OpenAiAdapter, turns: int
) -> None:
    said = debate(turns)
    straight = StraightCalls()
    client = Client(adapter, straight, "t", "ai-1", 1)
    outbound = outbound_of(conversation_from_pb(said), b"secret")
    models = Models(ModelTable(), CARD.name)
    for dimension in PASSES:
        await find(client, models, outbound, dimension_from_pb(dimension))
    text = "\n".join(turn.text for turn in said.turns)
    reading = Reading.of(text, sum(PASSES.values()))

    # Those that ask for an answer to be mended are not planned for
    first = [ModelRequest(body) for body in server.requests() if len(body["messages"]) == 3]
    needed = sum(CARD.cost_micro_usd(request.input_tokens, 0, EXPECTED_TOKENS) for request in first)
    assert 0.75 * needed < reading.planned_micro_usd(CARD) < 1.25 * needed
    assert reading.least_micro_usd(CARD) <= max(map(most, straight.calls))


@pytest.mark.parametrize("said", [0, 30, 160])
@pytest.mark.parametrize("own", [1, 8, 60])
async def test_a_plan_for_a_reflection_has_what_is_sent_of_its_debate(
    server: OpenAiServer, adapter: OpenAiAdapter, own: int, said: int
) -> None:
    """From a few words to the most that may be sent, alone and on debates that fit beside it or do not."""
    server.author = reader()
    straight = StraightCalls()
    text = " ".join(turn.text for turn in debate(own, seed=2).turns)
    on = debate(said) if said else None
    sent = written(text, on and conversation_from_pb(on), "ines" if on else None, b"secret")
    await find_in_reflection(Client(adapter, straight, "t", "ai-1", 1), Models(ModelTable(), CARD.name), sent)
    debated = "\n".join(turn.text for turn in on.turns) if on else ""
    reading = Reading.of_reflection(text, debated, REFLECTION_PASSES)

    assert len(straight.calls) == REFLECTION_PASSES
    needed = sum(CARD.cost_micro_usd(call.input_tokens, 0, EXPECTED_TOKENS) for call in straight.calls)
    assert 0.9 * needed < reading.planned_micro_usd(CARD) < 1.1 * needed
    assert reading.least_micro_usd(CARD) <= max(map(most, straight.calls))


@pytest.mark.parametrize("measures", [2, len(MEASURES)])
async def test_a_plan_for_insights_is_near_the_request_and_its_least_below_it(
    server: OpenAiServer, adapter: OpenAiAdapter, measures: int
) -> None:
    server.author = teller()
    straight = StraightCalls()
    own = [
        Held(
            f"d{number}",
            "ines",
            500,
            {each.name: measured(1.2 + number / 7, each.unit, 10, 0.4) for each in MEASURES[:measures]},
            {each.dimension: "local" for each in MEASURES},
        )
        for number in range(5)
    ]
    facts = facts_of(insights_of("ines", [(each.conversation_id, each) for each in own], (), "digest"))
    assert facts is not None
    assert len(facts.facts) == measures
    await tell(Client(adapter, straight, "t", "data-1", 1), Models(ModelTable(), CARD.name), facts)
    spec = pb.JobSpec(learning_insights=pb.LearningInsightsSpec(participant_id="ines"))
    wish = wish_of(spec, unsaid=True)
    assert wish is not None
    [call] = straight.calls
    needed = CARD.cost_micro_usd(call.input_tokens, 0, EXPECTED_TOKENS)
    reading = Reading(wish.tokens, 0, wish.passes)
    assert 0.75 * needed < reading.planned_micro_usd(CARD) < 1.25 * needed
    assert reading.least_micro_usd(CARD) <= most(call)


def test_the_dimensions_that_are_planned_for_are_those_that_are_asked_for() -> None:
    assert {dimension_from_pb(dimension) for dimension in PASSES} == ASKED
