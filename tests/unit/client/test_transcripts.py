"""Transcripts of every format become conversations, and broken ones errors that name line and way out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bothsides.jobs import v1 as pb
from bothsides_client.errors import TranscriptError
from bothsides_client.transcripts import MAX_BYTES, read_transcript

Json = dict[str, object]
TURNS: list[Json] = [
    {"turn_id": "a", "participant_id": "ann", "text": "Yes."},
    {"turn_id": "b", "participant_id": "bob", "text": "No."},
]


def spoken(conversation: pb.Conversation) -> list[tuple[str, str]]:
    return [(turn.participant_id, turn.text) for turn in conversation.turns]


def read_json(**document: object) -> pb.Conversation:
    return read_transcript(json.dumps(document, indent=1).encode(), "json")


def refused(content: bytes, format: str | None = None) -> TranscriptError:  # noqa: A002
    with pytest.raises(TranscriptError) as raised:
        read_transcript(content, format, name="debate")
    return raised.value


class TestJson:
    def test_every_field_is_read(self) -> None:
        conversation = read_json(
            conversation_id="c1",
            title="Title",
            motion="Motion",
            language="en",
            participants=[
                {"participant_id": "ann", "display_name": "Ann", "role": "Moderator"},
                {"participant_id": "bob", "side": "for", "role": "DEBATER"},
                {"participant_id": "cyd", "role": "audience"},
            ],
            turns=[
                {"participant_id": "ann", "text": "Hi", "start_seconds": 0, "end_seconds": 1.5},
                {"turn_id": "x", "speaker": "bob", "text": ""},
            ],
        )
        assert conversation == pb.Conversation(
            conversation_id="c1",
            title="Title",
            motion="Motion",
            language="en",
            participants=[
                pb.Participant(participant_id="ann", display_name="Ann", role=pb.Participant.MODERATOR),
                pb.Participant(
                    participant_id="bob", display_name="bob", role=pb.Participant.DEBATER, side="for"
                ),
                pb.Participant(participant_id="cyd", display_name="cyd", role=pb.Participant.AUDIENCE),
            ],
            turns=[
                pb.Turn(turn_id="t1", participant_id="ann", text="Hi", start_seconds=0, end_seconds=1.5),
                pb.Turn(turn_id="x", participant_id="bob", text=""),
            ],
        )

    def test_speakers_become_participants_when_none_are_listed(self) -> None:
        conversation = read_json(
            turns=[{"speaker": "Moderator Eva", "text": "a"}, {"speaker": "Zoë Ångström", "text": "b"}]
        )
        assert [
            (each.participant_id, each.display_name, each.role) for each in conversation.participants
        ] == [
            ("eva", "Eva", pb.Participant.MODERATOR),
            ("zoe-angstrom", "Zoë Ångström", pb.Participant.DEBATER),
        ]
        assert [turn.participant_id for turn in conversation.turns] == ["eva", "zoe-angstrom"]

    def test_a_display_name_may_stand_for_its_participant(self) -> None:
        conversation = read_json(
            participants=[{"participant_id": "a", "display_name": "Ann"}, {"participant_id": "Ann"}],
            turns=[{"speaker": "Ann", "text": "x"}, {"speaker": "a", "text": "y"}],
        )
        assert [turn.participant_id for turn in conversation.turns] == ["Ann", "a"]  # an id goes first

    def test_what_the_server_adds_is_left_alone(self) -> None:
        conversation = read_json(turns=TURNS, turn_count=2, word_count=2, update_time="2026-01-01T00:00:00Z")
        assert conversation.turn_count == 0

    @pytest.mark.parametrize(
        ("change", "line", "message"),
        [
            ({"turns": 3}, 0, "turns must be a list"),
            ({"turns": [3]}, 3, r"turns\[0\] must be an object"),
            ({"turns": [{"text": "x"}]}, 3, r"turns\[0\]\.participant_id is missing"),
            ({"turns": [*TURNS, {"speaker": "ann", "text": 5}]}, 13, r"turns\[2\]\.text must be a string"),
            (
                {"turns": [TURNS[0], {**TURNS[1], "turn_id": "a"}]},
                8,
                r"turns\[1\]\.turn_id is that of line 3",
            ),
            (
                {"participants": [{"participant_id": "ann", "role": "judge"}], "turns": TURNS},
                3,
                r"participants\[0\]\.role must be one of debater, moderator, audience",
            ),
            ({"participants": [{"participant_id": "ann"}], "turns": TURNS}, 13, "none of the participants"),
            (
                {"participants": [{"role": "debater"}], "turns": TURNS},
                3,
                r"participants\[0\]\.participant_id",
            ),
            (
                {"participants": [{"participant_id": "a"}, {"participant_id": "a"}], "turns": TURNS},
                6,
                "used twice",
            ),
            (
                {"turns": [{**TURNS[0], "start_seconds": -1}]},
                3,
                r"turns\[0\]\.start_seconds must be 0 or more",
            ),
            ({"turns": [{**TURNS[0], "start_seconds": True}]}, 3, "must be a number"),
            ({"turns": [{**TURNS[0], "end_seconds": 10**400}]}, 3, "finite"),
            (
                {"turns": [{**TURNS[0], "start_seconds": 2, "end_seconds": 1}, TURNS[1]]},
                3,
                "ends before it starts",
            ),
            ({"turns": TURNS, "conversation_id": "a b"}, 0, "conversation_id takes"),
            ({"turns": TURNS, "title": "x" * 501}, 0, "title has more than 500"),
            ({"turns": TURNS, "motion": ["x"]}, 0, "motion must be a string"),
            ({"turns": [{**TURNS[0], "text": "\ud800"}]}, 3, "surrogate"),
            ({"turns": [{**TURNS[0], "turn_id": "x" * 129}, TURNS[1]]}, 3, "turn_id has more than 128"),
            ({"turns": []}, 0, "no words"),
            ({}, 0, "no words"),
            ({"turns": [{**TURNS[0], "text": " "}, {**TURNS[1], "text": ""}]}, 0, "no words"),
            ({"turns": [TURNS[0], {**TURNS[0], "turn_id": "z"}]}, 0, "one speaker"),
        ],
    )
    def test_a_wrong_field_is_named_with_its_line(self, change: Json, line: int, message: str) -> None:
        error = refused(json.dumps(change, indent=1).encode(), "json")
        assert error.line == line
        with pytest.raises(TranscriptError, match=message):
            raise error

    @pytest.mark.parametrize(
        ("content", "line", "message"),
        [
            (b'{"turns": [\n{"a": 1},\n]}', 3, "no valid JSON"),
            (b"[1, 2]", 1, "one JSON object"),
            (b"null", 1, "one JSON object"),
            (b"[" * 100_000, 0, "nested too deeply"),
            (b'{"turns": ' + b"9" * 5_000 + b"}", 0, "too long to read"),
        ],
    )
    def test_what_is_no_document_is_refused(self, content: bytes, line: int, message: str) -> None:
        error = refused(content, "json")
        assert (error.line, message in error.message) == (line, True)

    def test_ten_thousand_turns_are_the_most(self) -> None:
        def turns(number: int) -> list[Json]:
            return [{"speaker": "ab"[index % 2], "text": "x"} for index in range(number)]

        assert len(read_json(turns=turns(10_000)).turns) == 10_000
        with pytest.raises(TranscriptError, match="more than 10,000 turns"):
            read_json(turns=turns(10_001))

    def test_two_hundred_participants_are_the_most(self) -> None:
        turns = [{"speaker": f"speaker {number}", "text": "x"} for number in range(201)]
        assert len(read_json(turns=turns[:200]).participants) == 200
        with pytest.raises(TranscriptError, match="more than 200 speakers"):
            read_json(turns=turns)


class TestWebVtt:
    def test_voices_notes_and_times_are_read_and_neighbours_merge(self) -> None:
        conversation = read_transcript(
            b"WEBVTT - a title\n\nNOTE title: Trains\n\nNOTE\nmotion: More\ntrains\n\n"
            b"STYLE\n::cue { color: red }\n\n"
            b"1\n00:01.000 --> 00:02.500 align:start\n<v.loud Moderator Ann>Hello &amp;\n<i>welcome</i>.\n\n"
            b"00:02.500 --> 00:04.000\n<v Moderator Ann>Bob?</v>\n\n"
            b"01:00:05.000 --> 01:00:06.250\n<v Bob (for)>Yes <00:00:05.500>indeed.\n\n"
        )
        assert (conversation.title, conversation.motion) == ("Trains", "More trains")
        assert [(each.participant_id, each.role, each.side) for each in conversation.participants] == [
            ("ann", pb.Participant.MODERATOR, ""),
            ("bob", pb.Participant.DEBATER, "for"),
        ]
        assert [(turn.text, turn.start_seconds, turn.end_seconds) for turn in conversation.turns] == [
            ("Hello & welcome. Bob?", 1.0, 4.0),
            ("Yes indeed.", 3605.0, 3606.25),
        ]

    def test_a_cue_without_a_voice_goes_on_with_the_one_before(self) -> None:
        conversation = read_transcript(
            b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>One\n\n00:02.000 --> 00:03.000\ntwo\n\n"
            b"00:03.000 --> 00:04.000\n<v Bob>Three"
        )
        assert spoken(conversation) == [("ann", "One two"), ("bob", "Three")]

    def test_two_voices_in_a_cue_share_only_its_ends(self) -> None:
        conversation = read_transcript(b"WEBVTT\n\n00:01.000 --> 00:05.000\n<v Ann>One</v> <v Bob>Two")
        first, second = conversation.turns
        assert (first.start_seconds, first.HasField("end_seconds")) == (1.0, False)
        assert (second.HasField("start_seconds"), second.end_seconds) == (False, 5.0)

    def test_overlapping_cues_of_one_speaker_end_with_the_last_of_them(self) -> None:
        conversation = read_transcript(
            b"WEBVTT\n\n00:10.000 --> 00:20.000\n<v Ann>a\n\n00:05.000 --> 00:08.000\n<v Ann>b\n\n"
            b"00:21.000 --> 00:22.000\n<v Bob>c"
        )
        assert (conversation.turns[0].start_seconds, conversation.turns[0].end_seconds) == (10.0, 20.0)

    @pytest.mark.parametrize(
        ("content", "line", "message"),
        [
            (b"00:01.000 --> 00:02.000\n<v Ann>x", 1, "begins with"),
            (b"WEBVTT\n\n00:01 --> 00:02\n<v Ann>x", 3, "00:00:01.000 --> 00:00:04.500"),
            (b"WEBVTT\n\n00:03.000 --> 00:02.000\n<v Ann>x", 3, "ends before it starts"),
            (b"WEBVTT\n\n00:01.000 --> 00:02.000\nwho says this", 4, "nobody is named"),
            (b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>x\n00:02.000 --> 00:03.000\ny", 5, "blank line"),
            (b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>x", 0, "one speaker"),
            (b"WEBVTT\n", 0, "no words"),
        ],
    )
    def test_a_broken_cue_is_named_with_its_line(self, content: bytes, line: int, message: str) -> None:
        error = refused(content, "vtt")
        assert (error.line, message in error.message) == (line, True), error.message


class TestSrt:
    def test_names_within_cues_are_read(self) -> None:
        conversation = read_transcript(
            b"1\r\n00:00:01,000 --> 00:00:02,000\r\nANN: <i>Good\r\nevening.</i>\r\n\r\n"
            b"2\r\n00:00:02,000 --> 00:00:03,000\r\n{\\an8}Welcome.\r\n- Bob: Thanks.\r\n\r\n"
            b"3\r\n00:00:03,000 --> 00:00:04,500\r\n>> ANN: So?\r\n"
        )
        assert spoken(conversation) == [
            ("ann", "Good evening. Welcome."),
            ("bob", "Thanks."),
            ("ann", "So?"),
        ]
        assert conversation.turns[0].start_seconds == 1.0
        assert conversation.turns[2].end_seconds == 4.5

    def test_a_name_may_stand_on_a_line_of_its_own(self) -> None:
        conversation = read_transcript(
            b"1\n00:00:01,000 --> 00:00:02,000\nAnn:\nGood evening.\n\n"
            b"2\n00:00:02,000 --> 00:00:03,000\nBOB:\n\n3\n00:00:03,000 --> 00:00:04,000\nThanks.\n"
        )
        assert spoken(conversation) == [("ann", "Good evening."), ("bob", "Thanks.")]

    def test_a_sentence_with_a_colon_names_nobody(self) -> None:
        conversation = read_transcript(
            b"1\n00:00:01,000 --> 00:00:02,000\nAnn: Hi.\n\n"
            b"2\n00:00:02,000 --> 00:00:03,000\nthis is it: the end\n\n"
            b"3\n00:00:03,000 --> 00:00:04,000\nBob: No.\n"
        )
        assert spoken(conversation) == [("ann", "Hi. this is it: the end"), ("bob", "No.")]


class TestPlain:
    def test_lines_names_times_and_headers_are_read(self) -> None:
        conversation = read_transcript(
            "Title: Trains\nMotion: More trains: now\n\n"
            "[00:00:05] Ann Lee (for): We need them.\nThey are: fast.\n\n"
            "Second: they are cheap.\n"
            "00:01:10 - **Bob:** Who pays?\n"
            "Dr. van der Meer [1:20]: 李 pays.\n"
            "李: I do not. See https://example.org.\n"
            "12:30 is when I leave.\n".encode()
        )
        assert (conversation.title, conversation.motion) == ("Trains", "More trains: now")
        assert [
            (each.participant_id, each.display_name, each.side) for each in conversation.participants
        ] == [
            ("ann-lee", "Ann Lee", "for"),
            ("bob", "Bob", ""),
            ("dr-van-der-meer", "Dr. van der Meer", ""),
            ("speaker", "李", ""),
        ]
        assert [turn.text for turn in conversation.turns] == [
            "We need them. They are: fast. Second: they are cheap.",
            "Who pays?",
            "李 pays.",
            "I do not. See https://example.org. 12:30 is when I leave.",
        ]
        assert [turn.start_seconds for turn in conversation.turns[:3]] == [5.0, 70.0, 80.0]
        assert not any(turn.HasField("end_seconds") for turn in conversation.turns)

    def test_a_chat_in_small_letters_is_read(self) -> None:
        conversation = read_transcript(b"anna: hi\nben: hello\nwhat i mean: nothing\nanna: ok")
        assert spoken(conversation) == [
            ("anna", "hi"),
            ("ben", "hello what i mean: nothing"),
            ("anna", "ok"),
        ]

    def test_names_differ_by_more_than_case_and_space(self) -> None:
        conversation = read_transcript(b"Ann  Lee: a\nBob: b\nANN LEE: c")
        assert [each.display_name for each in conversation.participants] == ["Ann Lee", "Bob"]

    def test_names_without_ascii_get_ids_of_their_own(self) -> None:
        conversation = read_transcript("李: 一\n王: 二\nAnn: three".encode())
        assert [each.participant_id for each in conversation.participants] == ["speaker", "speaker-2", "ann"]

    @pytest.mark.parametrize(
        ("name", "display", "role"),
        [
            ("Moderator", "Moderator", pb.Participant.MODERATOR),
            ("The Host", "The Host", pb.Participant.MODERATOR),
            ("Chairwoman Ida Wells", "Ida Wells", pb.Participant.MODERATOR),
            ("Ida Wells (Moderator)", "Ida Wells", pb.Participant.MODERATOR),
            ("Moderator 2", "Moderator 2", pb.Participant.MODERATOR),
            ("Audience member 3", "Audience member 3", pb.Participant.AUDIENCE),
            ("Rosa (audience)", "Rosa", pb.Participant.AUDIENCE),
            ("Hosta Bloom", "Hosta Bloom", pb.Participant.DEBATER),
            ("Floor Visser", "Floor Visser", pb.Participant.DEBATER),
        ],
    )
    def test_roles_are_read_from_names_only(
        self, name: str, display: str, role: pb.Participant.Role.ValueType
    ) -> None:
        conversation = read_transcript(f"{name}: a\nAnother: b".encode())
        assert (conversation.participants[0].display_name, conversation.participants[0].role) == (
            display,
            role,
        )

    @pytest.mark.parametrize(
        ("content", "line", "message"),
        [
            (b"", 0, "is empty"),
            (b"\n \n\t", 0, "is empty"),
            (b"\nOnce upon a time\nAnn: x", 2, "nobody is named"),
            (b"Ann: x\n\nand more", 0, "one speaker"),
            (b"Ann:\nBob:", 0, "no words"),
            (b"Title: x", 0, "no words"),
        ],
    )
    def test_a_text_that_is_no_debate_is_refused(self, content: bytes, line: int, message: str) -> None:
        error = refused(content)
        assert (error.line, message in error.message) == (line, True), error.message


class TestFiles:
    def test_the_default_id_is_the_files_name_and_its_content(self, tmp_path: Path) -> None:
        file = tmp_path / "My Debate (final).txt"
        file.write_text("Ann: a\nBob: b")
        first = read_transcript(file).conversation_id
        file.write_text("Ann: a\nBob: c")
        second = read_transcript(str(file)).conversation_id
        assert first.startswith("my-debate-final-")
        assert second.startswith("my-debate-final-")
        assert first != second

    def test_the_format_is_told_from_the_content_when_the_name_does_not_say(self, tmp_path: Path) -> None:
        texts = {
            "vtt": "\ufeffWEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>a</v><v Bob>b",
            "srt": "1\n00:00:01,000 --> 00:00:02,000\nAnn: a\nBob: b",
            "json": json.dumps({"turns": [{"speaker": "Ann", "text": "a"}, {"speaker": "Bob", "text": "b"}]}),
            "text": "Ann: a\nBob: b",
        }
        for format_, text in texts.items():
            file = tmp_path / f"{format_}.transcript"
            file.write_text(text)
            assert spoken(read_transcript(file)) == [("ann", "a"), ("bob", "b")], format_

    def test_bytes_that_are_no_utf8_are_named_with_offset_and_line(self) -> None:
        error = refused(b"Ann: fine\nBob: br\xf8ken")
        assert error.line == 2
        assert "byte 17" in error.message

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("Ann: a".encode("utf-16"), "UTF-16"),
            (b"%PDF-1.7 ...", "plain text"),
            (b"PK\x03\x04...", "plain text"),
        ],
    )
    def test_other_kinds_of_file_are_told_apart(self, content: bytes, message: str) -> None:
        assert message in refused(content).message

    def test_more_than_eight_mebibytes_are_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "large.txt"
        file.write_bytes(b"x" * (MAX_BYTES + 1))
        with pytest.raises(TranscriptError, match="larger than 8 MiB"):
            read_transcript(file)
        with pytest.raises(TranscriptError, match="split the debate"):
            read_transcript(b"Ann: a\nBob: b", max_bytes=5)

    def test_an_unknown_format_lists_the_known_ones(self) -> None:
        with pytest.raises(TranscriptError, match="json, vtt, srt, text"):
            read_transcript(b"Ann: a\nBob: b", "docx")

    @pytest.mark.parametrize("path", ["no/such/file.txt", ".", "nul\0.txt"])
    def test_a_file_that_cannot_be_read_is_said(self, path: str) -> None:
        with pytest.raises(TranscriptError, match="cannot be read"):
            read_transcript(path)

    def test_an_error_never_quotes_the_text(self) -> None:
        secret = "private"
        documents = [
            {"turns": [{"speaker": secret, "text": secret}, {"speaker": secret, "text": 3}]},
            {"participants": [{"participant_id": secret, "role": secret}], "turns": TURNS},
            {"turns": [{"speaker": secret, "text": secret, "turn_id": secret}] * 2},
        ]
        for content in (*(json.dumps(each).encode() for each in documents), f"{secret} words\n".encode()):
            error = refused(content)
            assert secret not in str(error)
            assert secret not in repr(error.__cause__)
