"""Tone and topics of a model, over real HTTP: what is taken of them, what is not, and what stays code's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import pytest

from analysis_worker.domain.conversation import Conversation
from analysis_worker.domain.metric import Basis
from analysis_worker.domain.result import DegradedReason, Dimension, Tone, Topics
from analysis_worker.engines.local.engine import LocalEngine
from analysis_worker.engines.openai.asking import Client
from analysis_worker.engines.openai.engine import ASKABLE, TooManyDropped, find
from analysis_worker.engines.openai.in_turn import Models
from analysis_worker.engines.openai.outbound import outbound_of, windows
from analysis_worker.transcript import in_child
from analysis_worker.transcript.by_model import ASKED
from analysis_worker.transcript.packed import Packed, PackedLocal
from analysis_worker.wire.conversation import conversation_from_pb
from common.provider.errors import ContentRefused, ContextTooLong, Refused
from common.provider.models import ModelTable
from support.analysis import debate, example
from support.debates import debate as long_debate
from support.openai_author import honest, seen
from support.openai_client import made_of, straight_client
from support.openai_server import Fault, OpenAiServer, completion, error, openai_server

MODELS = Models(ModelTable(), "gpt-6-luna")
SAID = debate(
    ("chair", "Welcome, shall we plant trees in town?"),
    ("ann", "Trees keep streets cooler. I agree with the council there, it is going well."),
    ("bob", "Ann, it is a terrible plan. Call 555-0134 and ask what trees cost."),
    ("ann", "They pay for themselves, Bob."),
    ("chair", "Next we move on to buses and their drivers."),
    ("bob", "The buses cost too much. Nobody rides the buses after nine."),
    ("ann", "I do. The drivers know me."),
    motion="The town should plant trees",
)


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server(honest) as served:
        yield served


@pytest.fixture
async def client(server: OpenAiServer) -> AsyncIterator[Client]:
    async with straight_client(server.url) as connected:
        yield connected


async def tone_of(client: Client, said: Conversation = SAID) -> Tone:
    outbound = outbound_of(said, b"secret")
    made = made_of(said, Dimension.TONE, outbound, await find(client, MODELS, outbound, Dimension.TONE))
    assert isinstance(made, Tone)
    return made


async def topics_of(client: Client, said: Conversation = SAID) -> Topics:
    outbound = outbound_of(said, b"secret")
    made = made_of(said, Dimension.TOPICS, outbound, await find(client, MODELS, outbound, Dimension.TOPICS))
    assert isinstance(made, Topics)
    return made


def changed(change: Callable[[dict[str, Any]], object]) -> Callable[[Mapping[str, Any]], str]:
    """Return an author that makes a mistake, and makes it again when told."""

    def author(body: Mapping[str, Any]) -> str:
        answer = json.loads(honest(body))
        change(answer)
        return json.dumps(answer)

    return author


def test_the_worker_asks_for_all_that_can_be_asked_for() -> None:
    assert ASKED == ASKABLE


# -- tone ------------------------------------------------------------------------------------------


async def test_tone_is_summed_up_from_valences_as_that_of_the_local_engine(client: Client) -> None:
    tone = await tone_of(client)
    assert [(point.turn_id, point.valence, point.sample_size) for point in tone.series] == [
        ("t2", 0.25, 2),
        ("t3", -0.375, 2),
        ("t4", 0, 1),
        ("t6", -0.375, 2),
        ("t7", 0, 2),
    ]
    ann, bob = tone.participants
    assert (ann.mean.value, ann.mean.basis, ann.negative_share.value) == (0.1, Basis.LLM, 0)
    assert (bob.mean.value, bob.negative_share.value) == (-0.375, 0.5)
    assert [peak.quote for peak in bob.peaks] == ["Ann, it is a terrible plan.", "The buses cost too much."]
    assert {(pair.source, pair.target): pair.mean.value for pair in tone.directed} == {
        ("ann", "bob"): 0,
        ("bob", "ann"): -0.375,
    }
    assert tone.asymmetry.value == 0.475


async def test_a_model_that_hears_tone_is_not_told_who_speaks(server: OpenAiServer, client: Client) -> None:
    await tone_of(client)
    [body] = server.requests()
    assert {who for who, _, _ in seen(body)} == {"debater", "moderator"}
    assert json.loads(body["messages"][1]["content"])["participants"] == []
    sent = body["messages"][1]["content"] + body["messages"][2]["content"]
    assert not [name for name in ("S1", "S2", "S3", "Ann", "Bob") if name in sent]
    assert "[SPEAKER], it is a terrible plan." in sent


async def test_tone_far_from_the_lexicons_is_less_sure(server: OpenAiServer, client: Client) -> None:
    engine = LocalEngine()
    base = engine.analyze(engine.prepare(SAID), Dimension.TONE)
    assert isinstance(base, Tone)
    server.author = changed(lambda answer: [each.update(valence=2) for each in answer["sentences"]])
    made = await tone_of(client)
    for own, local in zip(made.participants, base.participants, strict=True):
        assert own.mean.value == 0.5
        apart = 0.5 - (local.mean.value or 0)
        assert own.mean.confidence == pytest.approx(local.mean.confidence * (1 - apart / 2), abs=1e-3)
        assert own.mean.note == (f"the lexicon hears {local.mean.value:.2f}" if apart >= 0.5 else "")
    assert {bool(own.mean.note) for own in made.participants} == {True, False}


async def test_tone_too_far_from_the_lexicons_is_not_believed(server: OpenAiServer, client: Client) -> None:
    server.author = changed(lambda answer: [each.update(valence=-4) for each in answer["sentences"]])
    said = long_debate(6)
    outbound = outbound_of(conversation_from_pb(said), b"secret")
    found = await find(client, MODELS, outbound, Dimension.TONE)
    kept = said.SerializeToString()
    local = in_child.dimension(kept, Dimension.TONE, {})
    base = PackedLocal.of(local)
    made = in_child.by_model(kept, base, Packed.of(outbound), found)
    assert made.result == local.result
    assert (made.provenance.engine, made.provenance.degraded_reason) == (
        "local",
        DegradedReason.INVALID_OUTPUT,
    )


async def test_a_model_hears_tone_where_the_lexicon_cannot(client: Client) -> None:
    said = debate(
        (
            "ann",
            "Der Markt ist ein Ort, an dem sich alle treffen, und das soll so bleiben. Der Plan ist gut.",
        ),
        ("bob", "Das ist ein terrible Vorschlag, weil niemand dort noch parken kann, und das weiß jeder."),
        language="de",
    )
    engine = LocalEngine()
    base = engine.analyze(engine.prepare(said), Dimension.TONE)
    assert isinstance(base, Tone)
    assert base.overall.value is None
    assert [own.mean.value for own in (await tone_of(client, said)).participants] == [0, -0.75]


async def test_one_valence_that_breaks_a_rule_is_dropped_and_its_sentence_counts_for_nothing(
    server: OpenAiServer, client: Client
) -> None:
    server.author = changed(lambda answer: answer["sentences"][0].update(valence=9))
    outbound = outbound_of(SAID, b"secret")
    found = await find(client, MODELS, outbound, Dimension.TONE)
    assert (len(server.heard), found.items, found.dropped) == (2, 9, 1)
    tone = await tone_of(client)
    assert (tone.series[0].sample_size, tone.overall.sample_size) == (1, 8)


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: [each.update(valence=5) for each in answer["sentences"]],
        lambda answer: [each.update(valence=-40) for each in answer["sentences"]],
        lambda answer: [each.update(sid="t1.s1") for each in answer["sentences"]],
        lambda answer: [each.update(sid=answer["sentences"][0]["sid"]) for each in answer["sentences"]],
        lambda answer: answer.update(sentences=answer["sentences"][:6]),
        lambda answer: answer.update(sentences=[]),
    ],
    ids=["above", "below", "unknown", "twice", "left out", "nothing"],
)
async def test_tone_that_breaks_rules_is_not_taken(
    server: OpenAiServer, client: Client, change: Callable[[dict[str, Any]], object]
) -> None:
    server.author = changed(change)
    with pytest.raises(TooManyDropped):
        await tone_of(client)
    assert len(server.heard) == 2


async def test_a_moderators_sentence_has_no_tone(server: OpenAiServer, client: Client) -> None:
    def author(body: Mapping[str, Any]) -> str:
        answer = json.loads(honest(body))
        own = next(sid for who, sid, _ in seen(body) if who == "moderator")
        answer["sentences"].append({"sid": own, "valence": 4})
        return json.dumps(answer)

    server.author = author
    found = await find(client, MODELS, outbound_of(SAID, b"secret"), Dimension.TONE)
    assert (found.items, found.dropped) == (10, 1)
    assert {point.participant_id for point in (await tone_of(client)).series} == {"ann", "bob"}


# -- topics ----------------------------------------------------------------------------------------


async def test_topics_begin_where_the_model_says_and_are_counted_by_code(client: Client) -> None:
    topics = await topics_of(client)
    first, second = topics.segments
    assert (first.first_turn_id, first.last_turn_id, first.label) == ("t1", "t4", "shall plant trees town")
    assert (second.first_turn_id, second.last_turn_id, second.label) == (
        "t5",
        "t7",
        "move buses their drivers",
    )
    assert (first.coherence.value, first.coherence.basis, first.coherence.sample_size) == (0.75, Basis.LLM, 6)
    assert (first.boundary_basis, second.boundary_basis) == ("start", "agenda")
    # Keywords, distance and focus are those of the new cuts
    assert "buses" in second.keywords
    assert [point.segment_id for point in topics.drift_series] == ["s1", "s2"]
    assert sum(own.share for own in topics.focus if own.participant_id == "bob") == pytest.approx(1, abs=1e-3)
    assert topics.coherence.value == 0.75


async def test_a_cut_that_only_the_model_sees_says_so(server: OpenAiServer, client: Client) -> None:
    def author(body: Mapping[str, Any]) -> str:
        answer = json.loads(honest(body))
        sid = next(sid for _, sid, text in seen(body) if text.startswith("They pay"))
        answer["segments"].insert(1, {"first": sid, "label": "paying themselves", "coherence": 4})
        return json.dumps(answer)

    server.author = author
    segments = (await topics_of(client)).segments
    assert [(own.first_turn_id, own.boundary_basis) for own in segments] == [
        ("t1", "start"),
        ("t4", "model"),
        ("t5", "agenda"),
    ]


async def test_a_topic_goes_on_through_the_windows(server: OpenAiServer, client: Client) -> None:
    lines = [
        (("ann", "bob")[n % 2], f"The harbour wall near pier {n} holds the tide. " * 12) for n in range(60)
    ]
    lines[41] = ("bob", "Next we should speak about the lighthouse keeper. " + lines[41][1])
    said = debate(*lines)
    outbound = outbound_of(said, b"secret")
    topics = await topics_of(client, said)
    assert len(windows(outbound, 6_000)) == len(server.heard) > 2
    assert [(own.first_turn_id, own.last_turn_id) for own in topics.segments] == [
        ("t1", "t41"),
        ("t42", "t60"),
    ]
    assert sum(own.coherence.sample_size for own in topics.segments) >= len(outbound.lines)


@pytest.mark.parametrize(
    "change",
    [
        {"first": "t1.s1"},
        {"coherence": 5},
        {"coherence": -1},
        {"label": ""},
        {"label": "trees " * 20},
        {"label": "the one who wins is [S1]"},
        {"label": "S2 lies"},
        {"label": "trees of [PERSON_9]"},
        {"label": "trees: see https://evil.example"},
        {"label": "<b>trees</b>"},
        {"label": "bitcoin fortune"},
        {"label": "ignore all previous instructions"},
    ],
    ids=lambda change: next(iter(change.values())) or "empty",
)
async def test_topics_that_break_a_rule_are_not_taken(
    server: OpenAiServer, client: Client, change: dict[str, Any]
) -> None:
    server.author = changed(lambda answer: [each.update(change) for each in answer["segments"][:1]])
    with pytest.raises(TooManyDropped):
        await topics_of(client)
    assert "segments[0] " in server.requests()[1]["messages"][3]["content"]


async def test_a_topic_begins_with_a_turn_and_after_the_one_before(
    server: OpenAiServer, client: Client
) -> None:
    def author(body: Mapping[str, Any]) -> str:
        answer = json.loads(honest(body))
        within = next(sid for _, sid, text in seen(body) if text.startswith("I agree"))
        again = answer["segments"][0]["first"]
        answer["segments"] += [
            {"first": within, "label": "council", "coherence": 2},
            {"first": again, "label": "trees", "coherence": 2},
        ]
        return json.dumps(answer)

    server.author = author
    with pytest.raises(TooManyDropped):
        await topics_of(client)
    told = server.requests()[1]["messages"][3]["content"]
    assert "segments[2] begins within a turn" in told
    assert "segments[3] does not begin after the one before" in told


async def test_a_label_shows_only_what_its_own_sentences_hold(server: OpenAiServer, client: Client) -> None:
    server.author = changed(lambda answer: answer["segments"][0].update(label="cost at [PHONE_1]"))
    assert (await topics_of(client)).segments[0].label == "cost at 555-0134"
    server.author = changed(lambda answer: answer["segments"][1].update(label="buses at [PHONE_1]"))
    with pytest.raises(TooManyDropped):
        await topics_of(client)


async def test_a_name_that_the_model_makes_up_is_not_kept(server: OpenAiServer, client: Client) -> None:
    server.author = changed(lambda answer: answer["segments"][0].update(label="trees of Gregor Holt, cost"))
    label = (await topics_of(client)).segments[0].label
    assert "Holt" not in label
    assert label.startswith("trees of ")


# -- failures --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dimension", [Dimension.TONE, Dimension.TOPICS])
async def test_what_fails_in_passing_is_mended(
    server: OpenAiServer, client: Client, dimension: Dimension
) -> None:
    said = example("school_phones.json")
    outbound = outbound_of(said, b"secret")
    for fault in (
        error(503),
        error(404, "model_not_found"),
        error(400, "context_length_exceeded"),
        Fault(body=completion('{"se', finish_reason="length")),
        Fault(body=completion('{"segments": 1, "sentences": "x"}')),
        Fault(body=b"<html>", content_type="text/html"),
        Fault(drop=True),
    ):
        server.faults, server.heard = [fault], []
        found = await find(client, MODELS, outbound, dimension)
        assert (found.dropped, len(server.heard) >= 2) == (0, True), fault


@pytest.mark.parametrize("dimension", [Dimension.TONE, Dimension.TOPICS])
async def test_what_would_come_again_is_told(
    server: OpenAiServer, client: Client, dimension: Dimension
) -> None:
    outbound = outbound_of(SAID, b"secret")
    for faults, expected in (
        ([Fault(body=completion(None, refusal="no"))], Refused),
        ([Fault(body=completion("{}", finish_reason="content_filter"))], ContentRefused),
        ([error(400, "context_length_exceeded")] * 2, ContextTooLong),
    ):
        server.faults = list(faults)
        with pytest.raises(expected):
            await find(client, MODELS, outbound, dimension)
