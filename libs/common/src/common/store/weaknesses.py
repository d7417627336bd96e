"""What is wrong with the servers that a store runs on, judged from facts alone, and the way out of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from common.store.servers import OLDEST_MAJOR, ServerFacts

#: Of its limit: above this share, submits will soon be refused.
MEMORY_LOW: Final = 0.90
_KEEPS: Final = "noeviction"


@dataclass(frozen=True, slots=True)
class Weakness:
    """One thing that is wrong with one or more servers."""

    #: A constant in UPPER_SNAKE_CASE that programs may rely on.
    code: str
    #: Jobs are refused or lost now; else only if something else happens.
    grave: bool
    message: str
    #: What to do.
    recommendation: str


def weaknesses_of(servers: Sequence[ServerFacts], *, replicated: bool = False) -> list[Weakness]:
    """Return what is wrong, each weakness once, with the servers that have it.

    Args:
        replicated: The store is meant to survive the loss of a server.
    """
    rules: list[Callable[[ServerFacts], Weakness | None]] = [_old, _evicts, _forgets, _cannot_write, _fills]
    if replicated:
        rules.append(_alone)
    return [weakness for rule in rules for weakness in _told(servers, rule)]


def _told(
    servers: Sequence[ServerFacts], rule: Callable[[ServerFacts], Weakness | None]
) -> Iterator[Weakness]:
    """Yield the first server's weakness, naming all that share it."""
    found = [(server, weakness) for server in servers if (weakness := rule(server)) is not None]
    if not found:
        return
    first = max((weakness for _, weakness in found), key=lambda weakness: weakness.grave)
    names = ", ".join(server.address for server, _ in found if server.address)
    message = f"{first.message} ({names})" if names else first.message
    yield Weakness(first.code, first.grave, message, first.recommendation)


def _old(server: ServerFacts) -> Weakness | None:
    if not server.is_too_old:
        return None
    return Weakness(
        "SERVER_TOO_OLD",
        True,
        f"the server is {server.product} {server.redis_version}, on which the scripts do not run",
        f"upgrade it to Valkey, or to Redis {OLDEST_MAJOR} or newer",
    )


def _evicts(server: ServerFacts) -> Weakness | None:
    if server.eviction_policy in ("", _KEEPS):
        return None
    grave = server.memory_limit_bytes > 0 and server.eviction_policy.startswith("allkeys")
    when = "as soon as it is full" if server.memory_limit_bytes else "once a limit is set on its memory"
    return Weakness(
        "SERVER_EVICTS",
        grave,
        f"with maxmemory-policy {server.eviction_policy} the server drops jobs or request ids {when}",
        f"set it to {_KEEPS}: valkey-cli CONFIG SET maxmemory-policy {_KEEPS}, and in its configuration file",
    )


def _forgets(server: ServerFacts) -> Weakness | None:
    if server.appends:
        return None
    return Weakness(
        "SERVER_NOT_DURABLE",
        False,
        "the server has no append-only file: a restart loses what came after its last snapshot, or all",
        "switch it on: valkey-cli CONFIG SET appendonly yes, and in its configuration file",
    )


def _cannot_write(server: ServerFacts) -> Weakness | None:
    if server.append_ok:
        return None
    return Weakness(
        "SERVER_DISK_FAILING",
        True,
        "the server cannot write its append-only file, and refuses all jobs until it can",
        "make room on its disk, or mend it; its log says what failed",
    )


def _fills(server: ServerFacts) -> Weakness | None:
    limit = server.memory_limit_bytes
    if not limit or server.memory_used_bytes < MEMORY_LOW * limit:
        return None
    full = server.memory_used_bytes >= limit
    share = server.memory_used_bytes / limit
    state = "new jobs are refused until queues drain" if full else "new jobs will be refused when it is full"
    return Weakness(
        "SERVER_MEMORY_LOW",
        full,
        f"the server uses {share:.0%} of its {limit / 2**20:,.0f} MiB: {state}",
        "give it more (CONFIG SET maxmemory), add workers, or set depths on the queues that grow",
    )


def _alone(server: ServerFacts) -> Weakness | None:
    if server.replicas:
        return None
    return Weakness(
        "SERVER_WITHOUT_REPLICA",
        False,
        "no replica follows the server: if it is lost, there is nothing to fail over to",
        "start one, or see in its log why it does not follow",
    )
