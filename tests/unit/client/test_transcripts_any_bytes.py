"""Whatever the bytes, reading them gives a conversation that keeps the rules, or a TranscriptError."""

from __future__ import annotations

import json
import re

import protovalidate
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bothsides.jobs import v1 as pb
from bothsides_client.errors import TranscriptError
from bothsides_client.transcripts import FORMATS, read_transcript

SIZE_BYTES = 2 * 1024 * 1024
_PIECES = st.sampled_from(
    [
        *(
            "WEBVTT\n\n",
            "NOTE title: ",
            "STYLE\n",
            "00:00:01.000 --> 00:00:02.000\n",
            "00:05,000 --> 00:01,000",
        ),
        *(
            "1\n",
            "\n\n",
            "\n",
            "\r\n",
            "\r",
            "-->",
            "<v Ann>",
            "<v.x Bob (for)>",
            "</v>",
            "<v ",
            "<i>",
            "{\\an8}",
        ),
        *(
            "Ann: ",
            "Bob (against): ",
            "moderator: ",
            "**Cy:** ",
            ">> ",
            "- ",
            "[00:01:02] ",
            "1:02 ",
            "Title: ",
        ),
        *(
            "words ",
            "&amp;",
            "&#0;",
            "\x00",
            "\u2028",
            "\u202e",
            "\ufeff",
            "é",
            "李: ",
            "😀",
            "://",
            ":",
            "*",
            "(",
            "[",
        ),
    ]
)
_TEXT = st.lists(st.one_of(_PIECES, st.text(max_size=5)), max_size=40).map("".join)
_JSON_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_NAME = st.one_of(st.sampled_from(["ann", "bob", "Moderator", ""]), st.text(max_size=5), _JSON_VALUE)
_TURN = st.fixed_dictionaries(
    {},
    optional={
        "turn_id": _NAME,
        "participant_id": _NAME,
        "speaker": _NAME,
        "text": st.one_of(st.text(max_size=10), _JSON_VALUE),
        "start_seconds": st.one_of(st.floats(), _JSON_VALUE),
        "end_seconds": st.one_of(st.floats(), _JSON_VALUE),
    },
)
_PERSON = st.fixed_dictionaries(
    {},
    optional={
        "participant_id": _NAME,
        "display_name": _NAME,
        "role": st.one_of(st.sampled_from(["debater", "MODERATOR", "judge"]), _JSON_VALUE),
        "side": _NAME,
    },
)
_DOCUMENT = st.fixed_dictionaries(
    {},
    optional={
        "conversation_id": st.one_of(st.text(max_size=6), _JSON_VALUE),
        "title": _JSON_VALUE,
        "participants": st.one_of(st.lists(_PERSON, max_size=4), _JSON_VALUE),
        "turns": st.one_of(st.lists(_TURN, max_size=6), _JSON_VALUE),
    },
)
_JSON = st.tuples(st.one_of(_DOCUMENT, _JSON_VALUE), st.sampled_from([None, 1])).map(
    lambda made: json.dumps(made[0], indent=made[1])
)


def check(content: bytes, format: str | None) -> None:  # noqa: A002
    """Read the bytes; hold a conversation to the contract and its rules, an error to a line of the file."""
    conversation = read_or_refuse(content, format)
    if conversation is None:
        return
    protovalidate.validate(conversation)
    known = [each.participant_id for each in conversation.participants]
    spoke = [turn.participant_id for turn in conversation.turns]
    assert len(set(known)) == len(known)
    assert set(spoke) <= set(known)
    assert len(set(spoke)) >= 2
    assert len({turn.turn_id for turn in conversation.turns}) == len(conversation.turns)
    assert any(turn.text.strip() for turn in conversation.turns)
    assert pb.Conversation.FromString(conversation.SerializeToString()) == conversation


def read_or_refuse(content: bytes, format: str | None) -> pb.Conversation | None:  # noqa: A002
    """Return the conversation; None if it was refused with a line of the file and a message."""
    refusal: TranscriptError | None = None
    try:
        return read_transcript(content, format, name="debate")
    except TranscriptError as error:
        refusal = error
    assert 0 <= refusal.line <= content.count(b"\n") + content.count(b"\r") + 1
    assert refusal.message
    assert str(refusal).startswith("debate")
    return None


@settings(max_examples=300)
@given(st.binary(max_size=200), st.sampled_from([None, *FORMATS]))
def test_any_bytes(content: bytes, format: str | None) -> None:  # noqa: A002
    check(content, format)


@settings(max_examples=500)
@given(_TEXT, st.sampled_from([None, "vtt", "srt", "text"]))
def test_any_pieces_of_captions(text: str, format: str | None) -> None:  # noqa: A002
    check(text.encode("utf-8", "surrogatepass"), format)


@settings(max_examples=500)
@given(_JSON)
def test_any_json(text: str) -> None:
    check(text.encode(), "json")


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Ann Lee", "Bob", "Dr. Cyd van Dam"]),
            st.from_regex(re.compile(r"[a-z]{1,8}( [a-z]{1,8}){0,8}"), fullmatch=True),
        ),
        min_size=2,
        max_size=20,
    ).filter(lambda said: len({name for name, _ in said}) > 1)
)
def test_the_same_debate_reads_the_same_in_every_format(said: list[tuple[str, str]]) -> None:
    plain = "\n".join(f"{name}: {words}" for name, words in said)
    srt = "\n\n".join(
        f"{number}\n00:00:{number:02},000 --> 00:00:{number:02},500\n{name}: {words}"
        for number, (name, words) in enumerate(said, 1)
    )
    vtt = "WEBVTT\n\n" + "\n\n".join(
        f"00:{number:02}.000 --> 00:{number:02}.500\n<v {name}>{words}"
        for number, (name, words) in enumerate(said, 1)
    )
    read = [read_transcript(text.encode()) for text in (plain, srt, vtt)]
    words = [[(turn.participant_id, turn.text) for turn in each.turns] for each in read]
    assert words[0] == words[1] == words[2]
    assert [each.participants for each in read] == [read[0].participants] * 3


@pytest.mark.parametrize(
    ("format", "unit"),
    [
        ("text", "Ann: a\nBob: b\n"),
        ("text", "Ann: a" + "\nb" * 100),
        ("text", "a "),
        ("text", "李{n}: a\n"),
        ("text", "[" * 50),
        ("vtt", "<v "),
        ("vtt", "<v <i>"),
        ("vtt", "\n\n00:01.000 --> 00:02.000\n<v Ann{n}>x"),
        ("vtt", "x\n"),
        ("srt", "{\\a"),
        ("srt", "Ann: b\n"),
        ("json", '{"speaker": "a{n}", "text": "b"},'),
    ],
)
def test_a_large_file_of_anything_is_read_to_an_end(format: str, unit: str) -> None:  # noqa: A002
    """Two mebibytes of the worst there is: work that grows with the square would outlast any patience."""
    count = SIZE_BYTES // (len(unit.encode()) + 4)
    body = "".join(unit.replace("{n}", str(number)) for number in range(count))
    begin = {
        "vtt": "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>",
        "srt": "1\n00:00:01,000 --> 00:00:02,000\nAnn: ",
        "json": '{"turns": [',
        "text": "Ann: ",
    }[format]
    end = '{"speaker": "b", "text": "c"}]}' if format == "json" else ""
    check((begin + body + end).encode()[:SIZE_BYTES], format)
