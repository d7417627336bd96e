"""The texts in a value or a message, to be read or put in other words. Enum members are no texts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from bothsides.jobs import v1 as pb
from common.content.lists import mask

T = TypeVar("T")
#: What stands in the place of a whole text.
MASKED: Final = "[MASKED]"
_TEXTLESS: Final = frozenset({int, float, bool, type(None)})
#: Endings of the names of fields that lead to something else, and must go on to do so.
_LEADING: Final = ("_id", "_ids", "source", "target", "_sha256", "model")


def texts_in(value: Any) -> list[str]:
    """Return the strings in a value of dataclasses, pydantic models, sequences and mappings, in order."""
    texts: list[str] = []
    _collect(value, texts)
    return texts


def _collect(value: Any, texts: list[str]) -> None:
    if type(value) is str:
        texts.append(value)
    elif type(value) is list or type(value) is tuple:
        for part in value:
            _collect(part, texts)
    elif type(value) not in _TEXTLESS:
        # What a pydantic model has is asked for some thousand times in an answer.
        parts = vars(value) if hasattr(value, "model_copy") else _parts(value)
        for part in parts.values():
            _collect(part, texts)


def rewritten(value: T, change: Callable[[str], str]) -> T:
    """Return the same value with every string changed; keys of mappings stay."""
    made: T = _rewritten(value, change)
    return made


def _rewritten(value: Any, change: Callable[[str], str]) -> Any:
    if type(value) is str:
        return change(value)
    parts = {name: _rewritten(part, change) for name, part in _parts(value).items()}
    if not parts:
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **parts)
    if hasattr(value, "model_copy"):
        return value.model_copy(update=parts)
    return parts if isinstance(value, Mapping) else type(value)(parts.values())


def _parts(value: Any) -> Mapping[Any, Any]:
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value) if each.init}
    if hasattr(value, "model_copy"):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, list | tuple):
        return dict(enumerate(value))
    return value if isinstance(value, Mapping) else {}


def mask_message(message: Message, hidden: Collection[str], *, lists: bool) -> None:
    """Take what is hostile out of a message, in place.

    Args:
        hidden: Turns of which nothing may be quoted.
        lists: Take out what the lists flag, wherever it stands.
    """
    if isinstance(message, pb.Evidence) and message.turn_id in hidden:
        message.quote = MASKED
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for part in value if field.is_repeated else (value,):
                mask_message(part, hidden, lists=lists)
        elif field.type == FieldDescriptor.TYPE_STRING and lists and not field.name.endswith(_LEADING):
            if field.is_repeated:
                value[:] = [mask(text) for text in value]
            else:
                setattr(message, field.name, mask(value))
