"""What people said shows in no repr, neither of today's classes nor of those that are still to come."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import analysis_worker
import common
from analysis_worker.domain.conversation import Conversation, Participant, Turn
from analysis_worker.domain.result import Dimension
from analysis_worker.engines.local.engine import LocalEngine
from analysis_worker.engines.openai.outbound import outbound_of, windows
from analysis_worker.engines.openai.reflections.written import written
from analysis_worker.engines.openai.request import Message, ModelRequest
from analysis_worker.paid.port import Answer, Reply, Usage
from analysis_worker.privacy.kinds import Kind, Span
from analysis_worker.privacy.redaction import redact
from common.job.model import Content
from common.store.documents import CONVERSATIONS, Document, put_document

#: Fields of these names hold what people said, or what a model said of it.
_TEXTS = """
    text texts quote title motion display_name turns lines content contents body bodies payload data prompt
    messages label keywords words narrative why about original originals spellings answer answers arguments
    transcript conversation debate evidence said
"""
TEXTS = frozenset(_TEXTS.split())
#: Those that hold it as it is. Other types have reprs of their own, which are looked at as well.
_PLAIN = re.compile(r"\b(?:str|bytes|Any|Argument)\b")
#: These hold our own words, or the name of a key.
OURS = {
    *("Prompt.text", "Ailment.text", "Measure.words", "_Ingredient.words", "_Pattern.why"),
    *("AskedAbout.answers", "AskedAbout.conversation"),
}
WORD, NAME = "xylograph", "Vandersloot"


def modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def classes() -> list[type]:
    found = {
        value
        for package in (analysis_worker, common)
        for module in modules(package)
        for value in vars(module).values()
        if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__ == module.__name__
    }
    return sorted(found, key=lambda each: (each.__module__, each.__qualname__))


CLASSES = classes()


@pytest.mark.parametrize("made", CLASSES, ids=lambda made: f"{made.__module__}.{made.__qualname__}")
def test_a_field_that_holds_text_is_not_shown(made: Any) -> None:
    shown = [
        field.name
        for field in dataclasses.fields(made)
        if field.repr
        and field.name in TEXTS
        and _PLAIN.search(str(field.type))
        and f"{made.__qualname__}.{field.name}" not in OURS
    ]
    assert not shown, f"{made.__qualname__}: field(repr=False) for {', '.join(shown)}"


def test_there_are_classes_to_look_at() -> None:
    names = {made.__qualname__ for made in CLASSES}
    assert names >= {
        "Conversation",
        "Turn",
        "Evidence",
        "Outbound",
        "Line",
        "Window",
        "Redacted",
        "Operation",
    }


def debate() -> Conversation:
    people = (Participant("p1", f"Ada {NAME}", side="for"), Participant("p2", f"Ben {NAME}"))
    said = f"The {WORD} is what Ms. {NAME} wants, because I say so. " * 3
    turns = tuple(Turn(f"t{number}", people[number % 2].participant_id, said) for number in range(6))
    return Conversation("c1", f"On the {WORD}", f"{NAME}'s {WORD} should go", "en", people, turns)


def test_nothing_that_a_debate_becomes_shows_a_word_of_it() -> None:
    said = debate()
    redacted = redact(said)
    outbound = outbound_of(said, b"secret")
    engine = LocalEngine()
    document = engine.prepare(said)
    request = ModelRequest({"model": "m", "messages": [{"role": "user", "content": WORD}]})
    body = f'{{"text": "{WORD}"}}'.encode()
    made: list[object] = [
        *(said, said.turns[0], said.participants[0], redacted, redacted.turns[0], redacted.map),
        *(outbound, *outbound.lines, *windows(outbound, 1_000)),
        written(f"I liked the {WORD} of {NAME}.", said, "p2", b"secret"),
        document,
        engine.analyze(document, Dimension.ARGUMENTS, {}),
        *(request, Message("user", f"{WORD} {NAME}")),
        *(Reply(body, Usage(1, 0, 1), {}), Answer(body, Usage(1, 0, 1), False, 1, 0)),
        Content("text/plain", body),
        Document("c1", 1, "", 0, body, body),
        put_document("n", CONVERSATIONS, "t", "c1", body=body),
        *(Span(0, 1, Kind.PERSON, NAME), Turn("t1", NAME, WORD), Participant(NAME)),
    ]
    for each in made:
        shown = f"{each!r} {each}"
        assert WORD not in shown, type(each)
        assert NAME not in shown, type(each)


def test_a_repr_says_how_much_there_is() -> None:
    turn = Turn("t1", "ada", "Nobody knows.")
    assert repr(turn) == "Turn(turn_id='t1', participant_id=<3>, text=<13>, start_s=None, end_s=None)"
    assert "turns=<6>" in repr(debate())
    assert repr(windows(outbound_of(debate(), b"s"), 1_000)[0]).startswith("Window(lines=<")
