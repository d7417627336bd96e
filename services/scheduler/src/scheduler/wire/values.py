"""JSON values: `google.protobuf.Value` on the wire, plain Python inside."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from google.protobuf.struct_pb2 import ListValue, NullValue, Struct, Value

from common.errors import InvalidField

#: Integers up to here survive a double, which is all that JSON and Value have (RFC 8259, section 6).
_EXACT: Final = 2**53
#: Protobuf's own parsers stop at 100 nested messages; a level of JSON takes up to three of them.
_DEEPEST: Final = 30


class _NotFinite(ValueError):
    """A number that JSON cannot say; its path is spelled on the way out, so that valid values cost none."""

    path = ""

    def within(self, step: str) -> _NotFinite:
        self.path = step + self.path
        return self


def value_from_pb(value: Value, field: str) -> Any:
    """Return what `value` holds; whole numbers become `int`.

    Raises:
        InvalidField: A number is not finite.
    """
    try:
        return _plain(value)
    except _NotFinite as error:
        raise _refused(error, field) from None


def list_from_pb(values: Iterable[Value], field: str) -> list[Any]:
    """Return a JSON array; errors as for value_from_pb."""
    try:
        return _plain_list(values)
    except _NotFinite as error:
        raise _refused(error, field) from None


def object_from_pb(struct: Struct, field: str) -> dict[str, Any]:
    """Return a JSON object; errors as for value_from_pb."""
    try:
        return _plain_object(struct)
    except _NotFinite as error:
        raise _refused(error, field) from None


def _refused(error: _NotFinite, field: str) -> InvalidField:
    return InvalidField(field + error.path, "must be a finite number: JSON has no other")


def _plain(value: Value) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "number_value":
            return _number(value.number_value)
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return _plain_object(value.struct_value)
        case "list_value":
            return _plain_list(value.list_value.values)
        case _:
            return None


def _plain_list(values: Iterable[Value]) -> list[Any]:
    plain: list[Any] = []
    try:
        for item in values:
            # Most are texts, for which the way through `_plain` is a third of what they take.
            text = item.WhichOneof("kind") == "string_value"
            plain.append(item.string_value if text else _plain(item))
    except _NotFinite as error:
        raise error.within(f"[{len(plain)}]") from None
    return plain


def _plain_object(struct: Struct) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    key = ""
    try:
        for key, item in struct.fields.items():
            plain[key] = _plain(item)
    except _NotFinite as error:
        raise error.within(f'["{key}"]') from None
    return plain


def _number(number: float) -> int | float:
    if not math.isfinite(number):
        raise _NotFinite
    return int(number) if number.is_integer() and abs(number) <= _EXACT else number


def value_to_pb(value: Any, depth: int = 0) -> Value:
    """Return a Value; what JSON cannot say, or what is nested too deeply for the wire, becomes its text."""
    match value:
        case None:
            return Value(null_value=NullValue.NULL_VALUE)
        case bool():
            return Value(bool_value=value)
        case int() | float() if _is_exact(value):
            return Value(number_value=value)
        case str():
            return Value(string_value=value)
        case Mapping() if depth < _DEEPEST:
            return Value(struct_value=object_to_pb(value, depth))
        case Sequence() if depth < _DEEPEST:
            return Value(list_value=ListValue(values=[value_to_pb(item, depth + 1) for item in value]))
        case _:
            return Value(string_value=str(value))


def object_to_pb(mapping: Mapping[str, Any], depth: int = 0) -> Struct:
    return Struct(fields={str(key): value_to_pb(item, depth + 1) for key, item in mapping.items()})


def _is_exact(number: float) -> bool:
    return math.isfinite(number) if isinstance(number, float) else abs(number) <= _EXACT
