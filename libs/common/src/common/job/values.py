"""Values that are made by the thousand: frozen dataclasses without the price of freezing."""

from __future__ import annotations

from dataclasses import MISSING, field, fields, make_dataclass
from typing import Any, TypeVar

T = TypeVar("T")


def made_quickly(frozen: type[T]) -> type[T]:
    """Let a frozen, slotted dataclass set its fields as any other does.

    A frozen one sets each by a call of its own: 4 µs for a job's request, against 1. What keeps others from
    changing a value is from here on the type checker alone; the interpreter no longer does.
    """
    described: list[tuple[str, Any, Any]] = []
    for part in fields(frozen):  # type: ignore[arg-type]  # what it decorates is a dataclass
        if part.default_factory is not MISSING:
            described.append((part.name, part.type, field(default_factory=part.default_factory)))
        else:
            described.append((part.name, part.type, field(default=part.default)))
    twin: Any = make_dataclass(frozen.__name__, described)
    changed: Any = frozen
    changed.__init__ = twin.__init__
    del changed.__setattr__, changed.__delattr__
    return frozen
