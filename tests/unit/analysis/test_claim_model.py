"""The claim model: what it was learnt from, what its file holds, and what it may depend on."""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import claims_model
import pytest

from analysis_worker.domain.conversation import Conversation, Participant, Turn
from analysis_worker.engines.local import claim_model
from analysis_worker.engines.local.claim_model import AGREEMENT, CLASSES, SHARES, shipped_model
from analysis_worker.engines.local.document import Sentence, prepare

TURNS = [
    (path.name, json.loads(line))
    for path in sorted(claims_model.SENTENCES.glob("*.jsonl"))
    for line in path.read_text("utf-8").splitlines()
]


def shipped() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        files(claim_model.__package__).joinpath(claim_model.WEIGHTS_FILE).read_text("utf-8")
    )
    return content


def sentences(text: str) -> tuple[Sentence, ...]:
    speaker = Participant("a", "A")
    turn = Turn("t1", "a", text)
    document = prepare(Conversation("c", language="en", participants=(speaker,), turns=(turn,)))
    return document.turns[0].sentences


def likeliest(text: str) -> str:
    found = shipped_model().probabilities(sentences(text), 0)
    return CLASSES[found.index(max(found))]


def test_there_are_at_least_1500_labelled_sentences_on_many_topics() -> None:
    assert sum(len(turn["sentences"]) for _, turn in TURNS) >= 1_500
    assert len({turn["topic"] for _, turn in TURNS}) >= 60
    assert {turn["role"] for _, turn in TURNS} == {"debater", "moderator", "audience"}


def test_each_sentence_is_labelled_and_said_once() -> None:
    said = [(text, label) for _, turn in TURNS for text, label in turn["sentences"]]
    assert {label for _, label in said} == set(CLASSES)
    assert all(text.strip() == text and 1 <= len(text.split()) < 120 for text, _ in said)
    often = Counter(text for text, _ in said)
    assert [text for text, count in often.items() if count > 1 and len(text.split()) > 3] == []


def test_the_shipped_weights_are_what_the_command_makes() -> None:
    made = claims_model.content_of(claims_model.examples())
    held = shipped()
    assert made["sentences"] == held["sentences"]
    assert made["shares"] == held["shares"]
    assert made["weights"].keys() ^ held["weights"].keys() <= {
        name
        for name, row in (*made["weights"].items(), *held["weights"].items())
        if max(map(abs, row)) < 0.01
    }
    for name, row in held["weights"].items():
        assert made["weights"].get(name, [0.0] * 3) == pytest.approx(row, abs=0.01), name


def test_the_file_is_small_and_says_how_it_was_made() -> None:
    file = Path(str(files(claim_model.__package__).joinpath(claim_model.WEIGHTS_FILE)))
    assert file.stat().st_size <= 100_000
    assert shipped()["made_by"] == "make claims-model"


def test_a_damaged_file_of_sentences_is_named(tmp_path: Path) -> None:
    (tmp_path / "some.jsonl").write_text(
        '{"topic": "x", "role": "debater", "sentences": [["A.", "maybe"]]}\n'
    )
    with pytest.raises(claims_model.DamagedSentences, match=r"some\.jsonl, line 1"):
        claims_model.examples(tmp_path)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("We have to close the harbour road to lorries.", "claim"),
        ("This plan would be a disaster for every small shop in the valley.", "claim"),
        ("In 2019 the council counted 4,100 lorries a day, and 212 of them were empty.", "premise"),
        ("According to the hospital's report, admissions fell by a third in two years.", "premise"),
        ("Good evening, and thank you for having me.", "none"),
        ("What would you do about the harbour road?", "none"),
    ],
)
def test_plain_cases_are_told_apart(text: str, label: str) -> None:
    assert likeliest(text) == label


def test_probabilities_add_up_and_are_no_surer_than_people_agree() -> None:
    for _, turn in TURNS[:60]:
        said = sentences(" ".join(text for text, _ in turn["sentences"]))
        for place in range(len(said)):
            found = shipped_model().probabilities(said, place)
            assert sum(found) == pytest.approx(1.0)
            assert all(0 <= one <= max(map(max, AGREEMENT)) for one in found)


def test_what_is_said_afterwards_changes_nothing() -> None:
    said = "We have to close the road. In 2019 there were 40 accidents."
    alone = [shipped_model().probabilities(sentences(said), place) for place in range(2)]
    padded = sentences(f"{said} {'And so on, and so on. ' * 20}")
    assert [shipped_model().probabilities(padded, place) for place in range(2)] == alone


def test_the_published_figures_are_shares() -> None:
    assert sum(SHARES) == pytest.approx(1.0)
    assert all(sum(row) == pytest.approx(1.0) for row in AGREEMENT)
