"""The rules of simulated errors: how they are spelled, and whom they strike. No I/O, no clock, no chance.

    TRANSIENT 10% type=TRANSCRIPT_ANALYSIS; SLOW 5% ms=3000; EXIT 1% label.team=red

Rules stand apart by semicolons: an effect, the share of attempts that it strikes, and which jobs it is meant
for. Whether an attempt is struck follows from the seed, its job's id and its number alone, so that any worker
decides alike.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from common.job.model import ErrorClass

#: The longest that an effect may last (ms): an hour.
MS_MAX: Final = 3_600_000
#: The most rules.
RULES_MAX: Final = 32
_NO_LABELS: Final[Mapping[str, str]] = MappingProxyType({})


class Effect(StrEnum):
    """What may happen to an attempt, beside ending in one of the error classes."""

    #: It takes `ms` longer.
    SLOW = "SLOW"
    #: The child process that it computes in crashes.
    CRASH_CHILD = "CRASH_CHILD"
    #: The whole worker ends at once, as if it was killed.
    EXIT = "EXIT"
    #: The worker does not reach the store for `ms`.
    LOSE_STORE = "LOSE_STORE"


#: How long an effect lasts unless its rule says otherwise (ms).
DEFAULT_MS: Final = MappingProxyType({Effect.SLOW: 5_000, Effect.LOSE_STORE: 10_000})


class RuleInvalid(ValueError):
    """A rule cannot be read; the message names it and what is wrong."""


@dataclass(frozen=True, slots=True)
class Struck:
    """An attempt, as far as rules look at it."""

    job_id: str
    attempt: int
    actor: str
    job_type: str
    labels: Mapping[str, str] = field(default_factory=lambda: _NO_LABELS)


@dataclass(frozen=True, slots=True)
class Rule:
    """One effect, on a share of the attempts of some jobs."""

    effect: Effect | ErrorClass
    #: 0 to 1.
    share: float
    #: How long it lasts; for an error class, the pause that "the other side" names. None: says nothing.
    ms: int | None = None
    #: None: any.
    job_type: str | None = None
    actor: str | None = None
    labels: Mapping[str, str] = field(default_factory=lambda: _NO_LABELS)

    def strikes(self, attempt: Struck, seed: int, place: int) -> bool:
        """Say whether the rule at `place` strikes an attempt."""
        meant = (
            self.job_type in (None, attempt.job_type)
            and self.actor in (None, attempt.actor)
            and all(attempt.labels.get(name) == value for name, value in self.labels.items())
        )
        return meant and _draw(seed, place, attempt) < self.share

    def __str__(self) -> str:
        words = [self.effect.value, f"{self.share * 100:g}%"]
        words += [
            f"{name}={value}" for name, value in (("type", self.job_type), ("actor", self.actor)) if value
        ]
        words += [f"label.{name}={value}" for name, value in self.labels.items()]
        words += [] if self.ms is None else [f"ms={self.ms}"]
        return " ".join(words)


def read_rules(text: str) -> tuple[Rule, ...]:
    """Read rules as they are spelled above.

    Raises:
        RuleInvalid: One cannot be read, or there are too many.
    """
    rules = tuple(_rule(part.strip()) for part in text.split(";") if part.strip())
    if len(rules) > RULES_MAX:
        raise RuleInvalid(f"{len(rules)} rules are more than {RULES_MAX}")
    return rules


def fate(rules: Sequence[Rule], seed: int, attempt: Struck) -> Rule | None:
    """Return the first rule that strikes an attempt."""
    struck = (rule for place, rule in enumerate(rules) if rule.strikes(attempt, seed, place))
    return next(struck, None)


def _draw(seed: int, place: int, attempt: Struck) -> float:
    """Return a number from 0 to 1 (excluded) that depends on nothing but what it is given."""
    drawn = hashlib.sha256(f"{seed}/{place}/{attempt.job_id}/{attempt.attempt}".encode()).digest()
    return int.from_bytes(drawn[:7], "big") / 2**56


def _rule(text: str) -> Rule:
    effect, share, *rest = [*text.split(), "", ""][: max(2, len(text.split()))]
    ms: int | None = None
    names: dict[str, str] = {}
    labels: dict[str, str] = {}
    for word in rest:
        name, is_there, value = word.partition("=")
        if name == "ms" and re.fullmatch(r"[0-9]{1,7}", value) and int(value) <= MS_MAX:
            ms = int(value)
        elif name in ("type", "actor") and value:
            names[name] = value
        elif name.startswith("label.") and len(name) > len("label.") and is_there:
            labels[name.removeprefix("label.")] = value
        else:
            raise RuleInvalid(
                f"{text!r}: {word!r} is none of type=, actor=, label.NAME= and ms= up to {MS_MAX}"
            )
    return Rule(_effect(effect, text), _share(share, text), ms, names.get("type"), names.get("actor"), labels)


def _effect(word: str, rule: str) -> Effect | ErrorClass:
    for kind in (Effect, ErrorClass):
        if word in kind.__members__ and word != ErrorClass.WORKER_LOST:
            return kind(word)
    known = ", ".join([*Effect, *(known for known in ErrorClass if known is not ErrorClass.WORKER_LOST)])
    raise RuleInvalid(f"{rule!r}: {word!r} is none of {known}")


def _share(word: str, rule: str) -> float:
    if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?%", word) and float(word[:-1]) <= 100:
        return float(word[:-1]) / 100
    raise RuleInvalid(f"{rule!r}: {word!r} is no share from 0% to 100%")
