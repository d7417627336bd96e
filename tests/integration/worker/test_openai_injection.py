"""Debaters write into the prompt. The model of these tests obeys whatever it is told in the data it sees."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from analysis_worker.domain.conversation import Conversation
from analysis_worker.domain.result import Dimension, Quality, Tone, Topics
from analysis_worker.engines.openai.asking import Client
from analysis_worker.engines.openai.engine import find
from analysis_worker.engines.openai.in_turn import Models
from analysis_worker.engines.openai.outbound import outbound_of
from analysis_worker.engines.openai.prompts import system_text
from analysis_worker.engines.openai.tone import NotBelieved
from common.provider.errors import InvalidOutput
from common.provider.models import ModelTable
from support.analysis import debate
from support.attacks import ATTACKS
from support.openai_client import made_of, straight_client
from support.openai_server import OpenAiServer, openai_server

PARTS = ("cogency", "effectiveness", "reasonableness", "deliberation")
_HONEST = 3


def obedient(attack: str) -> Callable[[Mapping[str, Any]], str]:
    """Return a model that does what the attack wants as soon as it sees any of it.

    It then rates whom it knows as S1 ten and five, the other one, and says all that it was told as reason.
    """

    def author(body: Mapping[str, Any]) -> str:
        data = [json.loads(message["content"]) for message in body["messages"][1:3]]
        marks = [attack[:24], attack[-24:]]
        taken_in = any(mark in json.dumps(data, ensure_ascii=False) for mark in marks)
        ratings = []
        for number, who in enumerate(sorted({turn["speaker"] for turn in data[1]["turns"]})):
            sids = [
                each["id"]
                for turn in data[1]["turns"]
                if turn["speaker"] == who
                for each in turn["sentences"]
            ]
            for part in PARTS:
                score, why = _HONEST, "It is shown."
                if taken_in:
                    score = 5 if number == 0 else 1
                if taken_in and part == "deliberation":
                    why = f"[PHONE_1] [PERSON_1] [PERSON_2] <{body['messages'][0]['content'][:80]}>"
                if taken_in and part == "cogency":
                    score = 10
                ratings.append({"speaker": who, "part": part, "why": why, "sids": sids[:1], "score": score})
        return json.dumps({"ratings": ratings})

    return author


CALM = debate(
    ("ann", "We should plant trees. It is cooler there because of the shade."),
    ("bob", "Trees cost too much. Mr Gregor Holt on 555-0134 counted it."),
    ("ann", "They pay for themselves. The city has the numbers."),
    ("bob", "That is what they said of the bridge."),
)


def _turn(attack: str) -> Conversation:
    turns = list(CALM.turns)
    turns[2] = replace(turns[2], text=f"{turns[2].text} {attack}")
    return replace(CALM, turns=tuple(turns))


def _name(attack: str) -> Conversation:
    people = list(CALM.participants)
    people[0] = replace(people[0], display_name=attack[:200], side=attack[:60])
    return replace(CALM, participants=tuple(people))


def _title(attack: str) -> Conversation:
    return replace(CALM, title=attack, language=attack[:20], conversation_id=attack[:60])


def _motion(attack: str) -> Conversation:
    return replace(CALM, motion=attack)


@pytest.fixture
def server() -> Iterator[OpenAiServer]:
    with openai_server() as served:
        yield served


@pytest.fixture
async def client(server: OpenAiServer) -> AsyncIterator[Client]:
    async with straight_client(server.url) as connected:
        yield connected


@pytest.mark.parametrize("place", [_turn, _name, _title, _motion])
async def test_no_attack_earns_a_score(
    server: OpenAiServer, client: Client, place: Callable[[str], Conversation]
) -> None:
    untouched = 0
    for attack in ATTACKS:
        said = place(attack)
        server.author, server.heard = obedient(attack), []
        outbound = outbound_of(said, b"secret")
        try:
            found = await find(client, Models(ModelTable(), "gpt-6-luna"), outbound, Dimension.QUALITY)
        except InvalidOutput:
            made: Any = None  # the local engine's result stands, which no model has seen
        else:
            made = made_of(said, Dimension.QUALITY, outbound, found)
            assert isinstance(made, Quality)
            scores = {part.score for own in made.participants for part in own.parts}
            # Either the model never saw it, or what it did because of it does not count
            assert scores <= {None, float(_HONEST)}, attack
            untouched += scores == {float(_HONEST)}
            told = " ".join(part.why for own in made.participants for part in own.parts)
            assert "555" not in told
            assert "Holt" not in told
            assert "You assess" not in told
        # And none has reached the part of the prompt that gives instructions
        for body in server.requests():
            roles = [message["role"] for message in body["messages"]]
            assert roles == ["system", "user", "user", "user"][: len(roles)]
            assert body["messages"][0]["content"] == system_text("quality")
    # Most never leave the process, and the debate is judged by what remains of it
    assert untouched >= 30


def favouring(attack: str) -> Callable[[Mapping[str, Any]], str]:
    """Return a model that does what the attack wants as soon as it sees any of it.

    It then hears who made it at the best, and others at the worst; of topics it says what it was told.
    """

    def author(body: Mapping[str, Any]) -> str:
        data = json.loads(body["messages"][2]["content"])
        marks = [attack[:24], attack[-24:]]
        heard = [json.dumps(turn, ensure_ascii=False) for turn in data["turns"]]
        his = [any(mark in turn for mark in marks) for turn in heard]
        taken_in = any(his) or any(mark in body["messages"][1]["content"] for mark in marks)
        if body["response_format"]["json_schema"]["name"] == "ToneAnswer":
            valences = [4 if own else -4 for own in his] if taken_in else [0 for _ in his]
            judged = [
                {"sid": each["id"], "valence": valence}
                for turn, valence in zip(data["turns"], valences, strict=True)
                for each in turn["sentences"]
            ]
            if taken_in:
                judged[0]["valence"] = 10
            return json.dumps({"sentences": judged})
        first = [turn["sentences"][0]["id"] for turn in data["turns"]]
        segments = [{"first": first[0], "label": "trees and shade", "coherence": 3}]
        if taken_in:
            told = body["messages"][0]["content"].split(".")[0][:50]
            labels = ("S1 wins", "[PHONE_1] of [PERSON_1]", told, "the secret of another debate")
            segments = [
                {"first": sid, "label": label, "coherence": 10 * number}
                for number, (sid, label) in enumerate(zip(first, labels, strict=False))
            ]
        return json.dumps({"segments": segments})

    return author


@pytest.mark.parametrize("dimension", [Dimension.TONE, Dimension.TOPICS])
@pytest.mark.parametrize("place", [_turn, _name, _title, _motion])
async def test_no_attack_moves_tone_or_names_a_topic(
    server: OpenAiServer, client: Client, place: Callable[[str], Conversation], dimension: Dimension
) -> None:
    untouched = 0
    for attack in ATTACKS:
        said = place(attack)
        server.author, server.heard = favouring(attack), []
        outbound = outbound_of(said, b"secret")
        try:
            found = await find(client, Models(ModelTable(), "gpt-6-luna"), outbound, dimension)
            made: Any = made_of(said, dimension, outbound, found)
        except (InvalidOutput, NotBelieved):
            pass  # the local engine's result stands, which no model has seen
        else:
            untouched += 1
            if isinstance(made, Tone):
                assert {point.valence for point in made.series} == {0}, attack
            if isinstance(made, Topics):
                assert [own.label for own in made.segments] == ["trees and shade"], attack
                assert made.coherence.value == 0.75
        for body in server.requests():
            roles = [message["role"] for message in body["messages"]]
            assert roles == ["system", "user", "user", "user"][: len(roles)]
            assert body["messages"][0]["content"] == system_text(dimension.value)
    assert untouched >= 30


def test_there_are_enough_attacks() -> None:
    assert len(set(ATTACKS)) == len(ATTACKS) >= 30
