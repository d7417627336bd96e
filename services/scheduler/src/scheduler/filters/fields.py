"""The fields that a filter may name: how the record spells them, and how a value is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from common.job.model import ErrorClass, Job
from common.job.priority import Priority
from common.job.states import JobState
from common.job.types import GENERIC, JOB_TYPES
from common.store.record import LABEL
from scheduler.filters.tokens import Token

QUEUE: Final = "queue"
STATE: Final = "state"
TYPE: Final = "type"
#: Only of filters that may name tenants. It is decided before the store is asked.
TENANT: Final = "tenant"
LABELS: Final = "labels"
NAMES: Final = (
    "state, type, queue, priority, actor, batch_id, conversation_id, unique_key, create_time, end_time, "
    "last_error.error_class, last_error.reason, labels.KEY or, in ListJobs, tenant"
)
_LABEL_KEY: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the filter."""

    #: As the record spells it, see common.store.record.
    stored: str
    #: Returns a value as the record spells it, or raises InvalidFilter.
    read: Callable[[Token], str]
    ordered: bool = False
    #: Every job has it.
    always_set: bool = False


def field_of(name: Token) -> Field:
    """Return the field that a word names.

    Raises:
        InvalidFilter: There is none of this name.
    """
    if name.text.startswith(LABELS + "."):
        return Field(label_of(name, name.text.removeprefix(LABELS + ".")), _text)
    known = _FIELDS.get(name.text)
    if known is None:
        raise name.error(f"unknown field: use {NAMES}")
    return known


def label_of(place: Token, key: str) -> str:
    """Return how the record spells the label `key`.

    Raises:
        InvalidFilter: It is no key of a label.
    """
    if not _LABEL_KEY.fullmatch(key):
        raise place.error('a label key is lower-case letters, digits, "_" and "-"')
    return LABEL + key


def _text(value: Token) -> str:
    return value.text


def _one_of(names: tuple[str, ...], stored: Mapping[str, str]) -> Callable[[Token], str]:
    def read(value: Token) -> str:
        if value.text not in names:
            raise value.error(f"must be one of {', '.join(names)}")
        return stored.get(value.text, value.text)

    return read


def _instant(value: Token) -> str:
    try:
        instant = datetime.fromisoformat(value.text)
    except ValueError:
        raise value.error("must be a time such as 2026-01-31T12:00:00Z (RFC 3339)") from None
    if instant.tzinfo is None:
        raise value.error("must name its time zone, such as 2026-01-31T12:00:00Z")
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return str((since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000)


_FIELDS: Final[Mapping[str, Field]] = {
    STATE: Field(STATE, _one_of(tuple(state.value for state in JobState), {}), always_set=True),
    # A record leaves the type out when it is GENERIC.
    TYPE: Field(TYPE, _one_of((GENERIC, *JOB_TYPES), {GENERIC: ""}), always_set=True),
    QUEUE: Field(QUEUE, _text, always_set=True),
    TENANT: Field(TENANT, _text, always_set=True),
    "priority": Field(
        "priority", _one_of(tuple(priority.value for priority in Priority), {}), always_set=True
    ),
    "actor": Field("actor", _text, always_set=True),
    "batch_id": Field("batch", _text),
    "conversation_id": Field("conversation", _text),
    "unique_key": Field("unique", _text),
    "create_time": Field("created", _instant, ordered=True, always_set=True),
    "end_time": Field("ended", _instant, ordered=True),
    "last_error.error_class": Field("class", _one_of(tuple(kind.value for kind in ErrorClass), {})),
    "last_error.reason": Field("cause", _text),
}
#: Not a field, but a fact: the attempt that the last error is of.
ERROR_ATTEMPT: Final = "error_attempt"
#: Fields, as the record spells them, that are the same for all of a job's life.
STABLE: Final = frozenset({QUEUE, TYPE, "actor", "batch", "conversation", "unique", "created"})


def facts_of(job: Job) -> dict[str, str]:
    """Return the fields of a job that are set, by field as the record spells it; all others are not."""
    facts = {
        QUEUE: job.queue,
        STATE: job.state.value,
        TYPE: "" if job.job_type == GENERIC else job.job_type,
        "priority": job.priority.value,
        "actor": job.actor,
        "batch": job.batch_id,
        "conversation": job.conversation_id,
        "unique": job.unique_key,
        "created": str(job.created_ms),
        "ended": "" if job.ended_ms is None else str(job.ended_ms),
        "class": "" if job.error is None else job.error.error_class.value,
        "cause": "" if job.error is None else job.error.reason,
        ERROR_ATTEMPT: "" if job.error is None else str(job.error.attempt),
        **{LABEL + key: value for key, value in job.labels.items()},
    }
    return {field: value for field, value in facts.items() if value}
