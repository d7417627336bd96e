"""Random protobuf messages: well formed, and as odd as their types allow."""

from __future__ import annotations

import random
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

M = TypeVar("M", bound=Message)

_INTEGERS = (0, 1, -1, 2, 100, 999_999_999, 2**31 - 1, -(2**31))
_LONG_INTEGERS = (*_INTEGERS, 2**40, 253_402_300_800, 2**63 - 1, -(2**63))
_FLOATS = (0.0, 1.0, -1.5, 1e308, float("inf"), float("-inf"), float("nan"))
_TEXTS = ("", "a", "work", "x-y", "é\u0000\n", "🙂" * 30, "x" * 3_000, "state = FAILED", '"', "{}", "1-1")
_DEPTH = 6


def random_message(kind: type[M], chance: random.Random, known: tuple[str, ...] = ()) -> M:
    """Return a random message; `known` are texts that mean something, such as ids."""
    message = kind()
    _fill(message, chance, (*_TEXTS, *known, *known), _DEPTH)
    return message


def _fill(message: Message, chance: random.Random, texts: tuple[str, ...], depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        if depth == 0 or chance.random() < 0.35:
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _fill_map(message, field, chance, texts)
        elif field.message_type is not None:
            _fill_messages(message, field, chance, texts, depth)
        elif field.is_repeated:
            values = [_scalar(field, chance, texts) for _ in range(chance.randrange(4))]
            getattr(message, field.name).extend(values)
        else:
            setattr(message, field.name, _scalar(field, chance, texts))


def _fill_map(message: Message, field: Any, chance: random.Random, texts: tuple[str, ...]) -> None:
    entry = field.message_type.fields_by_name["value"]
    for _ in range(chance.randrange(3)):
        values = getattr(message, field.name)
        if entry.message_type is not None:
            values[chance.choice(texts)].SetInParent()
        else:
            values[chance.choice(texts)] = _scalar(entry, chance, texts)


def _fill_messages(
    message: Message, field: Any, chance: random.Random, texts: tuple[str, ...], depth: int
) -> None:
    if field.is_repeated:
        for _ in range(chance.randrange(3)):
            _fill(getattr(message, field.name).add(), chance, texts, depth - 1)
    else:
        inner = getattr(message, field.name)
        inner.SetInParent()
        _fill(inner, chance, texts, depth - 1)


def _scalar(field: Any, chance: random.Random, texts: tuple[str, ...]) -> Any:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
            return chance.randbytes(5)
        case FieldDescriptor.CPPTYPE_STRING:
            return chance.choice(texts)
        case FieldDescriptor.CPPTYPE_BOOL:
            return chance.random() < 0.5
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return chance.choice(_FLOATS)
        case FieldDescriptor.CPPTYPE_ENUM:
            return chance.choice((0, 1, 2, 3, 99, -1))
        case FieldDescriptor.CPPTYPE_INT64:
            return chance.choice(_LONG_INTEGERS)
        case FieldDescriptor.CPPTYPE_INT32:
            return chance.choice(_INTEGERS)
        case _:
            return chance.choice((0, 1, 2**31))
