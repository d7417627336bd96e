"""What validate_only says that a job costs at most, held to a model that gives it as much work as it can."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from analysis_worker.engines.openai.adapter import OpenAiAdapter
from analysis_worker.engines.openai.asking import Client
from analysis_worker.engines.openai.engine import find
from analysis_worker.engines.openai.in_turn import Models
from analysis_worker.engines.openai.outbound import outbound_of
from analysis_worker.engines.openai.reflections.reading import find_in_reflection
from analysis_worker.engines.openai.reflections.written import written
from analysis_worker.paid.port import Answer, Call, Reply, Usage
from analysis_worker.wire.conversation import conversation_from_pb
from analysis_worker.wire.metric import dimension_from_pb
from bothsides.jobs import v1 as pb
from common.provider.errors import ContextTooLong, ProviderFailure, Timeout
from common.provider.models import ModelCard, ModelTable
from common.provider.planning import OUTPUT_TOKENS
from common.provider.tokens import estimate_tokens
from scheduler.model_rules import ModelRules, Spoken
from scheduler.wire.model_wishes import PASSES, wish_of
from support.debates import debate
from support.openai_author import honest
from support.openai_server import Fault, OpenAiServer, completion, openai_server
from support.scheduler import Served, serving
from support.waiting import wait_until_async
from support.worker_program import worker_program

CARD = ModelTable().card("gpt-6-luna")
WRONG_ITEMS = 60


def wrong(body: Mapping[str, Any]) -> str:
    """Answer by the schema, with more items than a repair prompt names, none of which may stand."""
    schema = body["response_format"]["json_schema"]["name"]
    sids = [f"{number:012x}" for number in range(WRONG_ITEMS)]
    why = "It is shown."
    ratings = [{"speaker": "S9", "part": "cogency", "why": why, "sids": [sid], "score": 9} for sid in sids]
    answers: dict[str, Any] = {
        "ToneAnswer": {"sentences": [{"sid": sid, "valence": 9} for sid in sids]},
        "TopicsAnswer": {"segments": [{"first": sid, "label": "some words", "coherence": 9} for sid in sids]},
        "ArgumentsAnswer": {
            "components": [{"sid": sid, "kind": "claim"} for sid in sids],
            "relations": [],
            "fallacies": [],
        },
        "QualityAnswer": {"ratings": ratings},
    }
    return json.dumps(answers.get(schema, {}))


class CutShort:
    """Paid calls whose answers are cut where they had the least room; a list of what was asked for.

    Args:
        takes: What the model takes (tokens).
        late: The first try of each call is not answered in time.
    """

    def __init__(self, takes: int = 1_000_000, *, late: bool = False) -> None:
        self.calls: list[Call] = []
        self.timed_out: list[Call] = []
        self._takes = takes
        self._late = late

    async def ask(self, call: Call, send: Callable[[], Awaitable[Reply]]) -> Answer:
        if call.input_tokens + call.output_tokens > self._takes:
            raise ContextTooLong
        if self._late and call not in self.timed_out:
            self.timed_out.append(call)
            raise Timeout
        self.calls.append(call)
        if call.output_tokens == OUTPUT_TOKENS:
            return Answer(completion("{", finish_reason="length"), Usage(1, 0, 1), False, 1, 0)
        reply = await send()
        return Answer(reply.body, reply.usage, False, 1, 0)

    def cost(self, card: ModelCard) -> int:
        made = sum(card.cost_micro_usd(call.input_tokens, 0, call.output_tokens) for call in self.calls)
        return made + sum(
            card.cost_micro_usd(call.input_tokens, 0, call.expected_output_tokens) for call in self.timed_out
        )


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(wrong) as served:
        yield served


@pytest.fixture
async def adapter(server: OpenAiServer) -> AsyncIterator[OpenAiAdapter]:
    async with OpenAiAdapter("sk-test", base_url=server.url) as opened:
        yield opened


def spoken(*texts: str, names: tuple[str, ...] = ("ines", "marek")) -> pb.Conversation:
    """Return a debate of turns that are given."""
    made = pb.Conversation(conversation_id="shape", motion="The old bridge should be closed", language="en")
    for name in names:
        made.participants.add(participant_id=name, display_name=name.title(), role=pb.Participant.DEBATER)
    for number, text in enumerate(texts):
        made.turns.add(turn_id=f"t{number}", participant_id=names[number % len(names)], text=text)
    return made


def words(count: int, word: str = "bridge") -> str:
    return " ".join([word] * count) + "."


#: Debates that are cut, told and hidden in very different ways.
SHAPES = {
    "a few words": spoken("Well.", "No."),
    "as people talk": debate(60),
    "long": debate(200, words=120),
    "one word a sentence": spoken(*["Yes. No. Why? Oh! So. It is."] * 250),
    "one endless turn": spoken(words(9_000), "No."),
    "turns of half a window": spoken(*[words(2_950), words(3_000)] * 3),
    "a long and a short one in turn": spoken(*[words(5_600), words(90)] * 3),
    "no end of a sentence": spoken(*[" ".join(["so we go on and on"] * 200)] * 8),
    "names everywhere": spoken(
        *["Ms Kwanbrook and Mr Tannhausen met Dr Quillmaster and Ines Halvorsen."] * 120
    ),
    "numbers and links": spoken(
        *["Call +1 202 555 0147 or write to a.b@mail.example, see https://x.example/a?b=1."] * 120
    ),
    "quoted": spoken(*['He said: "You said: \\"No\\", and then \\"Yes\\"."'] * 150),
    "lines": spoken(*["first\nsecond\n\nthird\tcolumn\n"] * 150),
    "another script": spoken(*["古い橋は車のために作られたのではありません。だから閉鎖すべきです。"] * 100),
    "many people": spoken(
        *["I think so too."] * 200, names=tuple(f"speaker-{number}" for number in range(200))
    ),
}


async def told_most(spec: pb.JobSpec, said: pb.Conversation | None, table: ModelTable | None = None) -> int:
    """Return what the scheduler says that a job costs at most."""

    async def texts(tenant: str, conversation_id: str) -> Spoken | None:
        assert said is not None
        return Spoken(tuple(turn.text for turn in said.turns), said.motion, len(said.participants))

    wish = wish_of(spec, unsaid=True)
    assert wish is not None
    plan = await ModelRules(table or ModelTable({CARD.name: CARD}), CARD.name, texts).plan(wish, "t")
    assert plan is not None
    assert plan.most is not None
    assert plan.least <= plan.most
    assert plan.cost <= plan.most
    return plan.most


def analysis(**fields: Any) -> pb.JobSpec:
    return pb.JobSpec(transcript_analysis=pb.TranscriptAnalysisSpec(conversation_id="shape", **fields))


@pytest.mark.parametrize(
    ("shape", "late"),
    [*((shape, False) for shape in SHAPES), ("a few words", True), ("as people talk", True)],
)
async def test_no_debate_costs_more_than_was_said_before(
    adapter: OpenAiAdapter, shape: str, late: bool
) -> None:
    said = SHAPES[shape]
    cut = CutShort(late=late)
    outbound = outbound_of(conversation_from_pb(said), b"secret")
    for dimension in PASSES:
        with suppress(ProviderFailure):
            await find(
                Client(adapter, cut, "t", "ai-1", 1),
                Models(ModelTable(), CARD.name, fall_back=False),
                outbound,
                dimension_from_pb(dimension),
            )
    assert len(cut.calls) >= 4 * sum(PASSES.values())
    told = await told_most(analysis(), said)
    assert cut.cost(CARD) <= told
    assert len(cut.timed_out) == (len(cut.calls) if late else 0)


@pytest.mark.parametrize("shape", ["as people talk", "names everywhere", "a few words"])
async def test_no_reflection_costs_more_than_was_said_before(adapter: OpenAiAdapter, shape: str) -> None:
    said = SHAPES[shape]
    text = " ".join(turn.text for turn in debate(12, seed=2).turns)
    cut = CutShort()
    sent = written(text, conversation_from_pb(said), said.turns[0].participant_id, b"secret")
    with suppress(ProviderFailure):
        await find_in_reflection(
            Client(adapter, cut, "t", "ai-1", 1), Models(ModelTable(), CARD.name, fall_back=False), sent
        )
    assert len(cut.calls) == 8
    spec = pb.ReflectionProcessingSpec(text=text, conversation_id="shape")
    assert cut.cost(CARD) <= await told_most(pb.JobSpec(reflection_processing=spec), said)


async def test_windows_that_a_model_finds_too_long_are_counted_in_both_sizes(adapter: OpenAiAdapter) -> None:
    said = debate(80)
    small = ModelCard(
        "small", context_tokens=18_000, max_output_tokens=8_000, price_input=100_000, price_output=500_000
    )
    table = ModelTable({"small": small})
    cut = CutShort(takes=small.context_tokens)
    outbound = outbound_of(conversation_from_pb(said), b"secret")
    with suppress(ProviderFailure):
        await find(
            Client(adapter, cut, "t", "ai-1", 1),
            Models(table, "small"),
            outbound,
            dimension_from_pb(pb.DIMENSION_ARGUMENTS),
        )
    spec = analysis(dimensions=[pb.DIMENSION_ARGUMENTS], models=["small"])
    assert cut.cost(small) <= await told_most(spec, said, table)
    # In one size alone it would have been told as less
    large = ModelTable({"small": ModelCard("small", price_input=100_000, price_output=500_000)})
    assert await told_most(spec, said, large) < await told_most(spec, said, table)


def at_its_dearest(server: OpenAiServer) -> None:
    """Let a server count all tokens that it may, cut what it can, and obey the rules only when it must."""

    def counted(body: Mapping[str, Any]) -> dict[str, int]:
        sent = "".join(message["content"] for message in body["messages"]) + json.dumps(
            body["response_format"]
        )
        return {
            "prompt_tokens": estimate_tokens(sent),
            "completion_tokens": body["max_completion_tokens"],
        }

    def cut(body: Mapping[str, Any]) -> Fault | None:
        if body["max_completion_tokens"] > OUTPUT_TOKENS:
            return None
        return Fault(body=completion("{", finish_reason="length", usage=counted(body)))

    server.usage = counted
    server.fault_of = cut
    server.author = lambda body: honest(body) if len(body["messages"]) > 3 else wrong(body)


async def test_a_job_that_is_bounded_at_the_most_never_gives_up_for_its_bound(
    valkey: str, tmp_path: Path, server: OpenAiServer
) -> None:
    at_its_dearest(server)
    async with serving(valkey) as scheduler:
        put = pb.PutConversationRequest(conversation=debate(24))
        await scheduler.conversations.PutConversation(put)
        spec = pb.TranscriptAnalysisSpec(conversation_id="bridge", models=[CARD.name])
        request = pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(transcript_analysis=spec)))
        told = await estimate(scheduler, request)
        assert told.planned_cost_micro_usd < told.sure_max_cost_micro_usd
        with worker_program(valkey, tmp_path, OPENAI_API_KEY="sk-1", OPENAI_BASE_URL=server.url):
            # At the most that was told, whatever the model does
            job = await run(scheduler, request, told.sure_max_cost_micro_usd)
            assert reasons(job) == {}
            usage = job.paid_usage
            assert usage.call_count == 4 * sum(PASSES.values())
            assert told.planned_cost_micro_usd < usage.cost_micro_usd <= told.sure_max_cost_micro_usd

            # With less, some of it is made without a model, and the bound is kept all the same
            request.job.spec.transcript_analysis.force_refresh = True
            job = await run(scheduler, request, told.planned_cost_micro_usd)
            assert set(reasons(job).values()) == {"budget"}
            assert job.paid_usage.cost_micro_usd <= told.planned_cost_micro_usd


async def test_a_job_that_waits_for_a_silent_provider_pays_no_more_than_its_bound(
    valkey: str, tmp_path: Path, server: OpenAiServer
) -> None:
    server.fault_of = lambda _: Fault(silent=True)
    async with serving(valkey) as scheduler:
        put = pb.PutConversationRequest(conversation=debate(6))
        await scheduler.conversations.PutConversation(put)
        spec = pb.TranscriptAnalysisSpec(
            conversation_id="bridge",
            models=[CARD.name],
            dimensions=[pb.DIMENSION_ARGUMENTS],
            on_unavailable=pb.TranscriptAnalysisSpec.WAIT,
        )
        request = pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(transcript_analysis=spec)))
        told = await estimate(scheduler, request)
        # Far less than would be sure, so that a few calls without an answer use it up
        bound = 2 * told.least_max_cost_micro_usd
        request.job.spec.transcript_analysis.max_cost_micro_usd = bound
        asking = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": server.url, "PROVIDER_TIMEOUT_MS": "300"}
        with worker_program(valkey, tmp_path, serving=True, **asking):
            job = await ended(scheduler, await scheduler.jobs.CreateJob(request))
        # It waited, asked again each time, and was stopped by its own bound, which says so
        assert (job.state, job.last_error.reason) == (pb.Job.FAILED, "BUDGET_SPENT")
        assert "max_cost_micro_usd" in job.last_error.message
        assert job.paid_usage.call_count == len(server.heard) >= 2
        assert 0 < job.paid_usage.wasted_micro_usd == job.paid_usage.cost_micro_usd <= bound


async def estimate(scheduler: Served, request: pb.CreateJobRequest) -> pb.JobEstimate:
    asked = pb.CreateJobRequest(job=request.job, validate_only=True)
    return (await scheduler.jobs.CreateJob(asked)).estimate


async def run(scheduler: Served, request: pb.CreateJobRequest, bound: int) -> pb.Job:
    request.job.spec.transcript_analysis.max_cost_micro_usd = bound
    job = await ended(scheduler, await scheduler.jobs.CreateJob(request))
    assert job.state == pb.Job.SUCCEEDED, job.last_error
    return job


async def ended(scheduler: Served, created: pb.Job) -> pb.Job:
    read = pb.GetJobRequest(job_id=created.job_id, view=pb.JOB_VIEW_FULL)

    async def is_final() -> bool:
        return (await scheduler.jobs.GetJob(read)).HasField("end_time")

    await wait_until_async(is_final, timeout_s=60)
    job: pb.Job = await scheduler.jobs.GetJob(read)
    return job


def reasons(job: pb.Job) -> dict[str, str]:
    """Return why dimensions were not made as they were wanted."""
    made = job.result.analysis.provenance
    return {pb.Dimension.Name(each.dimension): each.degraded_reason for each in made if each.degraded}
