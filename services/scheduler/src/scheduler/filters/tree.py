"""What a filter says, as a tree. Evaluated with what is known of a job; what is not known stays unknown.

True, False and None (unknown) combine as in Kleene's three-valued logic, so that an event, which tells little
of its job, can often be judged without reading the job's record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from common.store.jobs import Condition, Connective

#: Whether a job meets a comparison; None if that is not known.
Decide = Callable[[Condition], bool | None]


@dataclass(frozen=True, slots=True)
class Always:
    """Met by every job, or by none."""

    met: bool


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Node, ...]


Node = Always | Condition | Not | And | Or


def holds(node: Node, decide: Decide) -> bool | None:
    """Whether a job meets `node`; None if that depends on what is not known of it."""
    match node:
        case Always(met):
            return met
        case Condition():
            return decide(node)
        case Not(part):
            return _negated(holds(part, decide))
        case And(parts):
            return _all(holds(part, decide) for part in parts)
        case Or(parts):
            return _negated(_all(_negated(holds(part, decide)) for part in parts))


def bound(node: Node, decide: Decide) -> Node:
    """Return the tree without what is decided."""
    match node:
        case Condition():
            met = decide(node)
            return node if met is None else Always(met)
        case Not(part):
            inner = bound(part, decide)
            return Always(not inner.met) if isinstance(inner, Always) else Not(inner)
        case And(parts):
            return _joined(And, [bound(part, decide) for part in parts], neutral=True)
        case Or(parts):
            return _joined(Or, [bound(part, decide) for part in parts], neutral=False)
        case _:
            return node


def conditions_of(node: Node) -> Iterator[Condition]:
    """Yield all comparisons, wherever they stand."""
    match node:
        case Condition():
            yield node
        case Not(part):
            yield from conditions_of(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from conditions_of(part)


def postfix(node: Node) -> Iterator[Condition | Connective]:
    """Yield the tree so that each connective follows what it joins; no part of it may be Always.

    `bound` leaves none but the whole tree.
    """
    match node:
        case Condition():
            yield node
        case Not(part):
            yield from postfix(part)
            yield "NOT"
        case And(parts) | Or(parts):
            for place, part in enumerate(parts):
                yield from postfix(part)
                if place:
                    yield "AND" if isinstance(node, And) else "OR"
        case _:
            raise ValueError("what is always or never met is not asked of the store")


def demanded(node: Node) -> Iterator[Condition]:
    """Yield comparisons that every match meets."""
    match node:
        case Condition():
            yield node
        case And(parts):
            for part in parts:
                yield from demanded(part)


def _joined(kind: type[And | Or], parts: list[Node], *, neutral: bool) -> Node:
    left: list[Node] = []
    for part in parts:
        if isinstance(part, Always):
            if part.met is not neutral:
                return part
        else:
            left.append(part)
    if not left:
        return Always(neutral)
    return left[0] if len(left) == 1 else kind(tuple(left))


def _all(answers: Iterator[bool | None]) -> bool | None:
    known: bool | None = True
    for answer in answers:
        if answer is False:
            return False
        if answer is None:
            known = None
    return known


def _negated(met: bool | None) -> bool | None:
    return None if met is None else not met


def meets(condition: Condition, held: str) -> bool:
    """Compare a field's value, "" if it is not set, as the store's lists do.

    What is not set comes neither before nor after anything.
    """
    operator, value = condition.operator, condition.value
    match operator:
        case "=":
            return held == value
        case "!=":
            return held != value
        case "has":
            return held != ""
    if held == "":
        return False
    a, b = int(held), int(value)  # only times have an order
    match operator:
        case "<":
            return a < b
        case "<=":
            return a <= b
        case ">":
            return a > b
        case _:
            return a >= b
