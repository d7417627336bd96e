"""Messages as JSON on one line: the canonical ProtoJSON mapping, under the contract's own field names."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console


def json_line(message: Message) -> str:
    """Return the message as one line of JSON; numbers and flags that are 0 or false are written too.

    64-bit integers are strings, as ProtoJSON has it. All is ASCII, so that no locale can break it.
    """
    return json.dumps(as_json(message), separators=(",", ":"))


def as_json(message: Message) -> dict[str, Any]:
    """Return the message as plain values."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def print_raw(console: Console, text: str) -> None:
    """Write the text as it is: no markup, no wrapping, no colour."""
    console.file.write(text + "\n")
    console.file.flush()
