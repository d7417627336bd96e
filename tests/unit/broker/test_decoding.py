"""How stored messages are read and spelled: as Dramatiq would do it, only sooner."""

from __future__ import annotations

from typing import Any

import dramatiq
import orjson
import pytest
from dramatiq.encoder import JSONEncoder, PickleEncoder
from dramatiq.errors import DecodeError
from dramatiq.message import Message

from common.broker.message import decoded, encoded

FIELDS: dict[str, Any] = {
    "queue_name": "q",
    "actor_name": "work",
    "args": [1, "two"],
    "kwargs": {"three": 3},
    "options": {"tenant": "t"},
    "message_id": "m",
    "message_timestamp": 1,
}


def test_a_message_is_read_as_dramatiq_reads_it() -> None:
    data = orjson.dumps(FIELDS)
    message = decoded(data)
    assert message == Message.decode(data)
    assert message.args == (1, "two")
    assert message.copy(options={"x": 1}).options == {"tenant": "t", "x": 1}
    assert message.encode() == Message.decode(data).encode()


def test_a_message_without_id_and_time_gets_its_own() -> None:
    short = {name: FIELDS[name] for name in FIELDS if not name.startswith("message")}
    message = decoded(orjson.dumps(short))
    assert message.message_id
    assert message.message_timestamp > 1


def test_numbers_that_json_does_not_know_are_read() -> None:
    data = orjson.dumps(FIELDS).replace(b'"two"', b"Infinity")
    assert decoded(data).args == (1, float("inf"))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", orjson.dumps({**FIELDS, "more": 1})])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises((DecodeError, TypeError)):
        decoded(data)


@pytest.mark.parametrize(
    "value", [1, "ä€\ud800", float("nan"), {"a": [None, {"b": 1.5}]}, (1, (2,)), {1: True}]
)
def test_a_message_is_spelled_as_dramatiq_spells_it(value: object) -> None:
    message: Message[Any] = Message("q", "work", (value,), {"value": value}, {"tenant": "t"})
    assert encoded(message) == message.encode()


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes"])
def test_what_dramatiq_cannot_spell_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        encoded(Message("q", "work", (value,), {}, {}))


def test_another_encoder_spells_by_itself() -> None:
    message: Message[Any] = Message("q", "work", ({1, 2},), {}, {})
    dramatiq.set_encoder(PickleEncoder())
    try:
        assert encoded(message) == message.encode()
        assert decoded(encoded(message)) == message
    finally:
        dramatiq.set_encoder(JSONEncoder())
