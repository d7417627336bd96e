"""What may stand in a job's log, and how much of it."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothsides.jobs import v1 as pb
from common.job.log import FIELDS, LINE_BYTES, LogLevel, line_of

AT_MS = 1_800_000_000_000


def test_a_line_has_a_level_a_text_and_values() -> None:
    line = line_of(
        "warning", "Read the page", {"page": 3, "share": 0.5, "last": False, "by": None}, at_ms=AT_MS
    )

    assert (line.at_ms, line.level, line.message) == (AT_MS, LogLevel.WARNING, "Read the page")
    assert line.fields == {"page": 3, "share": 0.5, "last": False, "by": None}


def test_an_unknown_level_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"level: 'LOUD' is not one of DEBUG, INFO, WARNING, ERROR"):
        line_of("LOUD", "Hello", {}, at_ms=AT_MS)


def test_message_and_values_are_masked() -> None:
    fields = {"by": "jane@mail.example", "number": 4111111111111111, "api_key": "x", "Password": 7}
    line = line_of("INFO", "Asked jane@mail.example", fields, at_ms=AT_MS)

    assert line.message == "Asked [EMAIL]"
    assert line.fields == {"by": "[EMAIL]", "number": "[CARD]", "api_key": "[SECRET]", "Password": "[SECRET]"}


def test_a_transcript_that_is_handed_over_is_named_and_not_quoted() -> None:
    turns = [pb.Turn(text="I never said that.")]
    conversation = pb.Conversation(turns=turns)
    fields = {"conversation": conversation, "turns": turns, "body": conversation.SerializeToString()}
    line = line_of("INFO", "Loaded", fields, at_ms=AT_MS)

    assert line.fields == {"conversation": "Conversation", "turns": "list", "body": "bytes"}


def test_an_exception_is_named_and_its_text_is_not_kept() -> None:
    assert line_of("ERROR", "Away", {"error": LookupError("her words")}, at_ms=AT_MS).fields == {
        "error": "LookupError"
    }


def test_what_is_long_is_cut_and_what_does_not_fit_is_counted() -> None:
    many = line_of("INFO", "m" * 5_000, {f"field{n}": "v" * 900 for n in range(40)}, at_ms=AT_MS)

    assert many.message == "m" * 999 + "…"
    assert many.fields["field0"] == "v" * 199 + "…"
    assert many.fields["omitted"] == 40 - (len(many.fields) - 1)


def test_an_address_on_the_edge_of_the_cut_is_not_halved() -> None:
    line = line_of("INFO", "x" * 990 + " jane.doe@mail.example", {}, at_ms=AT_MS)

    assert "jane" not in line.message


def test_a_line_is_one_line() -> None:
    assert line_of("INFO", "one\ntwo\tthree\x00", {}, at_ms=AT_MS).message == "one two three "


@given(
    st.text(max_size=3_000),
    st.dictionaries(
        st.text(max_size=80),
        st.one_of(st.text(max_size=600), st.integers(), st.floats(), st.booleans(), st.none(), st.binary()),
        max_size=30,
    ),
)
def test_no_line_is_larger_than_it_may_be(message: str, fields: dict[str, object]) -> None:
    line = line_of("DEBUG", message, fields, at_ms=AT_MS)

    assert len(orjson.dumps([line.message, dict(line.fields)])) <= LINE_BYTES
    assert len(line.fields) <= FIELDS + 1
