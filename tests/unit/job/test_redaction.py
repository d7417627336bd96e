"""What is masked in a text, and what is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.job.ids import new_job_id
from common.job.redaction import redacted


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mail to jane.doe+x@mail.example.org now", "mail to [EMAIL] now"),
        ("from <müller@exämple.de>", "from <[EMAIL]>"),
        ("call +49 30 901820 or +1 (555) 123-4567.", "call [PHONE] or [PHONE]."),
        ("call 0049 171 1234567", "call [PHONE]"),
        ("call 555-123-4567", "call [PHONE]"),
        ("call (030) 123 4567", "call [PHONE]"),
        ("call 030 901820", "call [PHONE]"),
        ("call 0171/1234567", "call [PHONE]"),
        ("call 01711234567", "call [PHONE]"),
        ("paid with 4111 1111 1111 1111", "paid with [CARD]"),
        ("paid with 5500-0000-0000-0004, twice", "paid with [CARD], twice"),
        ("card=378282246310005", "card=[CARD]"),
        ("to DE89 3704 0044 0532 0130 00", "to [IBAN]"),
        ("to gb29nwbk60161331926819", "to [IBAN]"),
        ("peer 203.0.113.9:443", "peer [IP]:443"),
        ("peer 2001:db8::8a2e:370:7334", "peer [IP]"),
        ("ssn 078-05-1120", "ssn [SSN]"),
        ("get https://u:pw@host/x", "get https://[CREDENTIALS]@host/x"),
        ("get https://host/x?id=7&token=abc", "get https://host/x?id=7&token=[TOKEN]"),
        ("get https://host/x?X-Amz-Signature=0a1b", "get https://host/x?X-Amz-Signature=[TOKEN]"),
        ("get https://host/x?q=Zm9vYmFyYmF6cXV4MTIz", "get https://host/x?q=[TOKEN]"),
        ("Authorization: Bearer abcdefghijkl", "Authorization: [TOKEN] [TOKEN]"),
        ("sent Bearer abcdefghijkl.mno", "sent Bearer [TOKEN]"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "jwt [TOKEN]"),
        ("with sk-proj-abcdefghijklmnopqrstuvwx", "with [TOKEN]"),
        ("api_key = 'abc123'", "api_key = '[TOKEN]'"),
        ("password: hunter2", "password: [TOKEN]"),
    ],
)
def test_what_is_personal_or_secret_is_masked_by_its_kind(text: str, masked: str) -> None:
    assert redacted(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "Read 1,000 of 12,345 turns in 0.25 s",
        "job ai-01m852fy8wevnb66ezjzv3315n attempt 3",
        "request 123e4567-e89b-12d3-a456-426614174000",
        "at 2026-11-25T15:27:03.120Z, or 1800000000000 ms",
        "listening on 127.0.0.1:50053 and [::1]:50053",
        "version 1.85.0.20261028 of the types",
        "fraction 0.123456789, 42 %",
        "took 12:34:56, std::vector",
        "order 1234567890123456",
        "get https://host/page?sort=name#top",
        "the tokens were counted: 812",
    ],
)
def test_what_is_neither_is_left_alone(text: str) -> None:
    assert redacted(text) == text


@given(st.text(max_size=300))
def test_masking_ends_for_any_text_and_finds_nothing_more_the_second_time(text: str) -> None:
    once = redacted(text)
    assert redacted(once) == once


@given(st.sampled_from(["ai_analysis", "exports", "mine"]), st.integers(0, 2**47))
def test_a_job_id_is_never_taken_for_anything_else(queue: str, now_ms: int) -> None:
    job_id = new_job_id(queue, now_ms=now_ms)
    assert redacted(f"job {job_id} waits") == f"job {job_id} waits"
