"""A `repr` that says how much a field holds, and not what: reprs get into logs, errors and test reports."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import fields
from typing import Any, cast


class Unshown:
    """Base of dataclasses that hold what people said; they, and the fields in question, have `repr=False`."""

    __slots__ = ()

    def __repr__(self) -> str:
        shown: list[str] = []
        for field in fields(cast(Any, self)):
            value = getattr(self, field.name)
            if field.repr:
                shown.append(f"{field.name}={value!r}")
            else:
                shown.append(f"{field.name}=<{len(value) if isinstance(value, Sized) else '...'}>")
        return f"{type(self).__qualname__}({', '.join(shown)})"
