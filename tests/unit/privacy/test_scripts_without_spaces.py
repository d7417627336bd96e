"""Names and numbers stand right between other letters where a script has no spaces between words."""

from __future__ import annotations

import pytest

from analysis_worker.domain.conversation import Conversation, Participant, Turn
from analysis_worker.privacy.detector import Detector
from analysis_worker.privacy.placeholders import OriginalInPayload, PlaceholderMap
from analysis_worker.privacy.redaction import redact


def found(text: str) -> list[tuple[str, str]]:
    return [(span.kind.value, text[span.start : span.end]) for span in Detector().find(text)]


@pytest.mark.parametrize(
    ("before", "after"), [("我的是", "谢谢"), ("これは", "です"), ("번호는 ", "입니다"), ("คือ", "ครับ")]
)
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("CARD", "4539148803436467"),
        ("EMAIL", "oyelaran@example.org"),
        ("IBAN", "DE89370400440532013000"),
        ("IP", "192.0.2.44"),
        ("PHONE", "090-1234-5678"),
        ("URL", "https://share.example.org/reset?token=zx81"),
        ("SECRET", "sk-proj-4fQ9vT2mXw8LzR7nKd3B"),
    ],
)
def test_what_has_a_form_is_found_right_between_letters(
    before: str, after: str, kind: str, said: str
) -> None:
    assert (kind, said) in found(before + said + after)


def test_an_address_may_hold_such_letters_itself() -> None:
    assert found("用户@例子.广告") == [("EMAIL", "用户@例子.广告")]


@pytest.mark.parametrize(
    ("name", "said", "left"),
    [
        ("李明", "我同意李明的看法。", "我同意[S2]的看法。"),
        ("田中太郎", "田中太郎さんは正しい。", "[S2]さんは正しい。"),
        ("Anneliese", "Annelieseさんは正しい。", "[S2]さんは正しい。"),
        ("김철수", "김철수는 맞다. 가치세는 높다.", "[S2]는 맞다. 가치세는 높다."),
        ("สมชาย", "ฉันเห็นด้วยกับสมชายมาก", "ฉันเห็นด้วยกับ[S2]มาก"),
    ],
)
def test_a_participant_is_found_right_between_letters(name: str, said: str, left: str) -> None:
    people = (Participant("p-1", "Oyelaran"), Participant("p-2", name))
    redacted = redact(Conversation("c", participants=people, turns=(Turn("t", "p-1", said),)))
    assert redacted.turns[0].text == left
    assert redacted.map.restore(left) == said


@pytest.mark.parametrize(("name", "payload"), [("李明", "我同意李明的看法"), ("김철수", "김철수는 맞다")])
def test_a_payload_that_names_a_participant_right_between_letters_is_stopped(name: str, payload: str) -> None:
    placeholders = PlaceholderMap.of((Participant("p-1", name),))
    placeholders.assert_clean("我同意你的看法, 가치세는 높다")
    with pytest.raises(OriginalInPayload):
        placeholders.assert_clean(payload)
