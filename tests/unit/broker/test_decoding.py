"""How stored messages are read: as Dramatiq would read them, only sooner."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from dramatiq.errors import DecodeError
from dramatiq.message import Message

from common.broker.message import decoded

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
