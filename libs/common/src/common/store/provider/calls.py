"""Asking for a call, and ending it: each is one script, in the slot of the model that is called."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from common.provider.limits import NOTHING_TOLD, Quota, Told
from common.store.jobs.arguments import blank_or, now_argument
from common.store.keys import ProviderKeys
from common.store.operation import Argument, Operation
from common.store.scripts import script

#: A call whose caller says nothing for so long is taken to be dead (ms).
LEASE_MS: Final = 30_000
#: How long answers are kept, unless set otherwise.
KEEP_MS: Final = 30 * 86_400_000
#: What the answers of one model may take, unless set otherwise.
KEEP_BYTES: Final = 256 * 1024**2


@dataclass(frozen=True, slots=True)
class Asked:
    """One call that someone wants to make."""

    #: Names this asking; the same with each look.
    token: str
    #: See answer_id.
    answer_id: str
    job_id: str
    tenant: str
    input_tokens: int
    #: The most that may come back; what providers count when a call comes in.
    output_tokens: int
    expected_output_tokens: int
    #: Of the tenant's share.
    weight: float = 1.0
    #: Only an answer that the job itself has paid for will do.
    force_refresh: bool = False
    #: Tells keys of the provider apart; never the key.
    key_fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The answer is there already."""

    body: bytes = field(repr=False)
    job_id: str
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    #: What was paid for it (millionths of a dollar).
    cost_micro_usd: int


@dataclass(frozen=True, slots=True)
class InFlight:
    """Another caller has asked the same, and no answer is there yet."""

    #: How long its lease lasts yet.
    lease_left_ms: int


@dataclass(frozen=True, slots=True)
class Granted:
    """The call may be made, now."""

    #: How often the same was under way when its caller died: so often it may be paid for besides.
    doubtful: int


@dataclass(frozen=True, slots=True)
class Wait:
    """It stands in line, or waits for the circuit's probe; look again after `look_ms`."""

    reason: str
    look_ms: int


@dataclass(frozen=True, slots=True)
class Held:
    """It would wait longer than it wants to; it does not stand in line."""

    reason: str
    until_ms: int


Verdict = Recorded | InFlight | Granted | Wait | Held


@dataclass(frozen=True, slots=True)
class Paid:
    """An answer that has just arrived."""

    body: bytes = field(repr=False)
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_micro_usd: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended that brought no answer."""

    #: "" if it was never sent, STOPPED if its caller was told to stop.
    error_class: str
    #: It speaks against the provider.
    opens_circuit: bool = False
    retry_after_ms: int | None = None
    reset_ms: int | None = None
    key_fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Released:
    """What stands after a call that brought no answer."""

    #: False: it was not under way any more.
    there: bool
    #: Failures in a row of the model, whoever called: nobody was answered since the first of them.
    failures: int
    #: Until when the circuit is open; None: it is not.
    open_until_ms: int | None
    #: How often others were answered between two failures of this request; 0 if none was since its last one.
    own_failures: int = 0


def answer_id(tenant: str, request_sha256: str, sample: int) -> str:
    """Return the id of an answer: a digest, from which neither tenant nor request can be read."""
    told = f"{tenant}\0{request_sha256}\0{sample}".encode()
    return hashlib.sha256(told).hexdigest()[:40]


def reserve(
    keys: ProviderKeys, asked: Asked, *, longest_ms: int, lease_ms: int = LEASE_MS, now_ms: int | None = None
) -> Operation[Verdict]:
    """Ask for a call, or look again whether it may be made.

    Args:
        longest_ms: The longest that the caller wants to wait; see Held.
    """
    arguments: list[Argument] = [
        now_argument(now_ms),
        asked.token,
        asked.answer_id,
        asked.job_id,
        asked.tenant,
        asked.weight,
        int(asked.force_refresh),
        asked.input_tokens,
        asked.output_tokens,
        asked.expected_output_tokens,
        longest_ms,
        lease_ms,
        asked.key_fingerprint,
    ]
    return Operation(script("provider_reserve"), keys.all(), arguments, _verdict)


def settle(
    keys: ProviderKeys,
    asked: Asked,
    paid: Paid,
    told: Told,
    *,
    keep_ms: int = KEEP_MS,
    keep_bytes: int = KEEP_BYTES,
    now_ms: int | None = None,
) -> Operation[bool]:
    """Keep an answer and settle its call. Returns False if its lease had lapsed; it is kept even so."""
    arguments: list[Argument] = [
        now_argument(now_ms),
        asked.token,
        asked.answer_id,
        asked.job_id,
        paid.input_tokens,
        paid.cached_tokens,
        paid.output_tokens,
        paid.cost_micro_usd,
        paid.body,
        keep_ms,
        keep_bytes,
        *_headers(told),
    ]
    return Operation(script("provider_settle"), keys.all(), arguments, bool)


def release(
    keys: ProviderKeys, token: str, ended: Ended, told: Told = NOTHING_TOLD, *, now_ms: int | None = None
) -> Operation[Released]:
    """End a call that brought no answer, or leave the line."""
    arguments: list[Argument] = [
        now_argument(now_ms),
        token,
        ended.error_class,
        int(ended.opens_circuit),
        blank_or(ended.retry_after_ms),
        blank_or(ended.reset_ms),
        ended.key_fingerprint,
        *_headers(told),
    ]
    return Operation(script("provider_release"), keys.all(), arguments, _released)


def renew(
    keys: ProviderKeys, token: str, *, lease_ms: int = LEASE_MS, now_ms: int | None = None
) -> Operation[bool]:
    """Say that a call is still under way. Returns False if its lease has lapsed."""
    arguments: list[Argument] = [now_argument(now_ms), token, lease_ms]
    return Operation(script("provider_renew"), keys.all(), arguments, bool)


def _headers(told: Told) -> Sequence[Argument]:
    def three(quota: Quota | None) -> tuple[Argument, ...]:
        return ("", "", "") if quota is None else (quota.limit, quota.remaining, quota.period_ms)

    return (*three(told.requests), *three(told.tokens))


def _released(reply: list[Any]) -> Released:
    there, failures, until, own = reply
    return Released(bool(there), int(failures), int(float(until)) if until else None, int(own))


def _verdict(reply: list[Any]) -> Verdict:
    match reply[0], reply[1:]:
        case b"ANSWER", [body, job, *numbers]:
            return Recorded(body, job.decode(), *map(int, numbers))
        case b"IN_FLIGHT", [until, now]:
            return InFlight(max(0, int(float(until)) - int(float(now))))
        case b"GRANTED", [doubtful]:
            return Granted(int(doubtful))
        case b"WAIT", [reason, look]:
            return Wait(reason.decode(), int(float(look)))
        case b"HELD", [reason, until]:
            return Held(reason.decode(), int(float(until)))
        case _:
            raise ValueError(f"no such verdict: {reply[0]!r}")
