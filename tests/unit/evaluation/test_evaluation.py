"""The evaluation itself: its measures, its intervals, and that a missed floor fails."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import evaluate
import pytest
from evaluation import leaks, pii
from evaluation.page import page
from evaluation.row import Part, Row, interval
from evaluation.scores import calibration_error, f1, macro_f1, pearson, pk
from evaluation.table import table
from hypothesis import given
from hypothesis import strategies as st


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_f1_is_what_a_hand_computes() -> None:
    # "a": 2 hits, 3 wanted, 3 found -> 4/6; "b": 1 hit, 2 wanted, 2 found -> 2/4
    counts = Counter({("a", "a"): 2, ("a", "b"): 1, ("b", "a"): 1, ("b", "b"): 1})
    assert f1(counts, "a") == pytest.approx(4 / 6)
    assert macro_f1(counts, ("a", "b")) == pytest.approx((4 / 6 + 2 / 4) / 2)


def test_a_wrong_answer_lowers_the_figure() -> None:
    right = Counter({("a", "a"): 5, ("b", "b"): 5})
    wrong = Counter({("a", "a"): 5, ("b", "b"): 4, ("b", "a"): 1})
    assert macro_f1(wrong, ("a", "b")) < macro_f1(right, ("a", "b")) == 1.0


def test_calibration_error_is_what_a_hand_computes() -> None:
    # Bin .6: two shown at .65, one right: |.65 - .5| = .15, of half. Bin .9: two at .95, both right: .05.
    shown = [(0.65, True), (0.65, False), (0.95, True), (0.95, True)]
    assert calibration_error(shown) == pytest.approx(0.5 * 0.15 + 0.5 * 0.05)


def test_pk_is_nothing_for_the_same_and_more_for_another_segmentation() -> None:
    wanted = [0] * 6 + [1] * 6
    assert pk(wanted, wanted) == 0.0
    # Window 3; looks at (0,3) … (8,11). The boundary one later is missed once on each side: 2 of 9.
    assert pk(wanted, [0] * 7 + [1] * 5) == pytest.approx(2 / 9)


def test_correlation_has_its_known_ends() -> None:
    assert pearson([(1, 2), (2, 4), (3, 6)]) == pytest.approx(1.0)
    assert pearson([(1, 3), (2, 2), (3, 1)]) == pytest.approx(-1.0)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=30))
def test_an_interval_of_the_mean_lies_within_the_values(values: list[float]) -> None:
    low, high = interval(values, lambda some: sum(some) / len(some))
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


def test_a_missed_floor_fails_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Given a sentence whose number has no known form, the recall of numbers is 0."""
    write(tmp_path, "pii", [{"text": "id zq", "spans": [{"start": 3, "end": 5, "type": "PHONE_NUMBER"}]}])
    code = evaluate.main([str(tmp_path), "pii", "--page", str(tmp_path / "page.html")])
    assert code == 1
    assert "below the floor: numbers and addresses, recall" in capsys.readouterr().out
    assert "<svg" in (tmp_path / "page.html").read_text("utf-8")


def test_a_found_number_passes(tmp_path: Path) -> None:
    text = "call 212-555-0142, Krzysztof"
    spans = [
        {"start": 5, "end": 17, "type": "PHONE_NUMBER"},
        {"start": 19, "end": 28, "type": "PERSON"},
    ]
    write(tmp_path, "pii", [{"text": text, "spans": spans}])
    part = pii.part(tmp_path)
    assert [row.name for row in part.rows if row.missed] == []
    assert {row.name: row.value for row in part.rows}["names, strict mode, recall"] == 1.0


def test_what_is_missing_is_said_and_fails_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate.main([str(tmp_path), "claims", "tone", "--page", str(tmp_path / "page.html")]) == 0
    printed = capsys.readouterr().out
    assert "not measured: components.jsonl" in printed
    assert "not measured: tone.jsonl" in printed


def test_a_run_of_words_from_the_training_sentences_is_found(tmp_path: Path) -> None:
    line = json.loads(sorted(leaks.SENTENCES.glob("*.jsonl"))[0].read_text("utf-8").splitlines()[0])
    long = max((text for text, _ in line["sentences"]), key=len)
    turns = [{"turn_id": "t1", "speaker": "A", "text": f"As I said, {long}"}]
    write(tmp_path, "debates", [{"id": "d", "participants": [], "turns": turns}])
    assert leaks.part(tmp_path).rows[0].missed


def test_the_claims_of_a_small_debate_are_measured(tmp_path: Path) -> None:
    texts = [
        "Good evening.",
        "We have to close the harbour road. In 2019 the council counted 4,100 lorries a day.",
        "That would be a disaster for every shop. What would you do?",
    ]
    speakers = [("M", "moderator"), ("A", "debater"), ("B", "debater")]
    people = [{"name": name, "role": role} for name, role in speakers]
    turns = [
        {"turn_id": f"t{n}", "speaker": speakers[n][0], "role": speakers[n][1], "text": text}
        for n, text in enumerate(texts)
    ]
    write(tmp_path, "debates", [{"id": "d", "participants": people, "turns": turns}])
    spans = [("t1", 0, 34, "Claim"), ("t1", 35, 84, "Premise"), ("t2", 0, 40, "Claim")]
    write(
        tmp_path,
        "components",
        [
            {"debate_id": "d", "component_id": f"T{n}", "label": label, "turn_id": turn, "start": s, "end": e}
            for n, (turn, s, e, label) in enumerate(spans)
        ],
    )
    write(tmp_path, "relations", [{"debate_id": "d", "type": "Support", "source": "T1", "target": "T0"}])
    rows = {row.name: row for row in evaluate.measure("claims", tmp_path).rows}
    assert rows["claim / premise / none, macro-F1"].value == 1.0
    assert rows["claim / premise / none, macro-F1"].n == 5
    assert rows["support links, F1 over all pairs"].value == 1.0
    assert rows["support links, annotated components given, F1"].value == 1.0


def test_a_page_and_a_table_show_every_row() -> None:
    part = Part("Some", (Row("good", 0.9, 5, 0.8, 0.95, 0.5), Row("bad <one>", 0.2, 5, floor=0.5)))
    assert "MISSED" in table(part)
    assert "bad &lt;one&gt;" in page([part])
    assert page([part]).count("class=missed") == 1
