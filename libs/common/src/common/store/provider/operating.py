"""What operators do with a model at its provider: see how it stands, set its limits, close its circuit."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from common.provider.circuit import Circuit, CircuitState, Left, ProviderReport
from common.provider.limits import ProviderLimits
from common.store import keys as names
from common.store.jobs.arguments import blank_or, now_argument
from common.store.keys import ProviderKeys
from common.store.operation import Argument, Operation
from common.store.record import text_map
from common.store.scripts import script

#: Limits that can be set.
SETTABLE: Final = ("requests", "tokens", "input_tokens", "output_tokens", "in_flight")


def declare_model(namespace: str, provider: str, model: str) -> Operation[int]:
    """Make a model known to lists."""
    return Operation(script("declare"), (names.models(namespace),), (f"{provider}/{model}",), int)


def list_models(namespace: str) -> Operation[list[tuple[str, str]]]:
    """Read provider and model of all that were ever called or set, sorted."""

    def read(reply: list[Any]) -> list[tuple[str, str]]:
        pairs = (item.decode().partition("/") for item in reply)
        return sorted((provider, model) for provider, _, model in pairs)

    return Operation(script("declared"), (names.models(namespace),), (), read)


def describe_model(keys: ProviderKeys, *, now_ms: int | None = None) -> Operation[ProviderReport]:
    """Read how a model stands; one that nobody called has no limits and a closed circuit."""
    arguments: list[Argument] = [now_argument(now_ms), "", "0"]
    return Operation(script("provider_configure"), keys.all(), arguments, lambda reply: _report(keys, reply))


def set_limits(
    keys: ProviderKeys,
    changes: Mapping[str, int | None],
    *,
    revision: int | None = None,
    now_ms: int | None = None,
) -> Operation[ProviderReport | None]:
    """Set limits of SETTABLE, or remove those that are None. Returns None if the revision is another."""
    arguments: list[Argument] = [now_argument(now_ms), blank_or(revision), "0"]
    for name, value in changes.items():
        arguments += (name, blank_or(value))

    def read(reply: list[Any]) -> ProviderReport | None:
        return _report(keys, reply) if reply[0] == 1 else None

    return Operation(script("provider_configure"), keys.all(), arguments, read)


def close_circuit(keys: ProviderKeys, *, now_ms: int | None = None) -> Operation[ProviderReport]:
    """Let all calls through again, and forget what the provider asked to wait for."""
    arguments: list[Argument] = [now_argument(now_ms), "", "1"]
    return Operation(script("provider_configure"), keys.all(), arguments, lambda reply: _report(keys, reply))


def _report(keys: ProviderKeys, reply: list[Any]) -> ProviderReport:
    limits, state = text_map(reply[1]), text_map(reply[2])
    rows = [item.decode() for item in reply[3]]
    left = {
        rows[at]: Left(int(float(rows[at + 1])), int(float(rows[at + 2])), float(rows[at + 3]))
        for at in range(0, len(rows), 4)
    }

    def whole(name: str) -> int:
        return int(float(state.get(name, 0)))

    return ProviderReport(
        keys.provider,
        keys.model,
        ProviderLimits(
            **{name: int(limits[name]) for name in SETTABLE if name in limits},
            revision=int(limits.get("revision", 0)),
        ),
        _circuit(state),
        MappingProxyType(left),
        pause_until_ms=whole("pause_until"),
        in_flight=int(reply[4]),
        waiting=int(reply[5]),
        may_fly=int(reply[6]),
        latency_ms=float(state["latency"]) if "latency" in state else None,
        granted=whole("granted"),
        refused=whole("refused"),
        failed=whole("failed"),
        lapsed=whole("lapsed"),
        reused=whole("reused"),
        answers=int(reply[7]),
        answer_bytes=whole("bytes"),
        read_ms=int(float(reply[8])),
    )


def _circuit(state: Mapping[str, str]) -> Circuit:
    found = CircuitState(state.get("circuit", "CLOSED"))
    reason = state.get("circuit_reason", "")
    waits_for_key = reason == "AUTHENTICATION"
    until = None if waits_for_key or "circuit_until" not in state else int(float(state["circuit_until"]))
    opened = int(float(state["opened_at"])) if "opened_at" in state else None
    return Circuit(found, reason, opened, until, int(float(state.get("failures", 0))))
