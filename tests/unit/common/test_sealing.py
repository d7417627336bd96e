"""What is sealed opens with its key and in its context, and otherwise not."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.sealing import Sealer, key_of

KEY = bytes(range(32))


@given(st.binary(max_size=200), st.binary(max_size=20))
def test_what_is_sealed_opens_and_shows_nothing(data: bytes, context: bytes) -> None:
    sealed = Sealer(KEY).seal(data, context)
    assert Sealer(KEY).open(sealed, context) == data
    assert len(sealed) == len(data) + 28
    assert Sealer(KEY).seal(data, context) != sealed


@given(st.integers(0, 39), st.integers(1, 255))
def test_what_was_changed_does_not_open(place: int, by: int) -> None:
    sealed = bytearray(Sealer(KEY).seal(b"twelve bytes", b"id"))
    sealed[place] ^= by
    with pytest.raises(ValueError, match="changed"):
        Sealer(KEY).open(bytes(sealed), b"id")


@pytest.mark.parametrize(("key", "context"), [(bytes(32), b"id"), (KEY, b"other")])
def test_another_key_or_context_does_not_open(key: bytes, context: bytes) -> None:
    with pytest.raises(ValueError, match="changed"):
        Sealer(key).open(Sealer(KEY).seal(b"x", b"id"), context)


@pytest.mark.parametrize("data", [b"", b"short", bytes(27)])
def test_what_is_too_short_does_not_open(data: bytes) -> None:
    with pytest.raises(ValueError):
        Sealer(KEY).open(data, b"id")


def test_a_key_is_32_bytes_in_either_base64() -> None:
    key = bytes(range(224, 256))
    assert key_of(base64.b64encode(key).decode()) == key
    assert key_of(base64.urlsafe_b64encode(key).decode()) == key


@pytest.mark.parametrize("text", ["", "secret", "c2VjcmV0", "A" * 44])
def test_a_wrong_key_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="32 bytes in base64") as refused:
        key_of(text)
    assert text == "" or text not in str(refused.value)
