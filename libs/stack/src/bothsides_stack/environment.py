"""What the services' environment is made of, and which addresses are in it.

Knows the names of variables, not what the services do with them; every value that it does not set itself is
passed on as it is, for the services to judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bothsides_stack.ports import LOOPBACK

#: The beginnings of all variables that the platform reads.
FAMILIES: Final = (
    *("AUTH_", "BOTHSIDES_", "CONTENT_", "CONVERSATION_", "JOB_", "MONITOR_", "OPENAI_", "OTEL_"),
    *("OUTBOUND_", "PROVIDER_", "REDIS_", "SCHEDULER_", "STORE_", "TLS_", "WORKER_"),
)
#: Variables of the platform that share their beginning with others' variables.
SINGLE: Final = ("LOG_LEVEL", "NAMESPACE")
#: Any of them names a store.
_STORE: Final = ("REDIS_URL", "REDIS_HOST", "REDIS_SENTINELS", "REDIS_CLUSTER_NODES")
#: In the stack's folder: a shell that reads it finds the embedded server, with its password.
STORE_FILE: Final = "store.env"
#: A worker hands its unfinished jobs back this long before it would be killed.
HAND_BACK_S: Final = 3.0
#: Addresses that mean every interface, with one that reaches them from here.
_WILDCARDS: Final = {"": LOOPBACK, "0.0.0.0": LOOPBACK, "[::]": "[::1]"}  # noqa: S104 - recognised, not bound


def without_settings(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that say nothing about the platform: the same stack, whoever calls."""
    return {
        name: value
        for name, value in variables.items()
        if not name.startswith(FAMILIES) and name not in SINGLE
    }


def names_store(variables: Mapping[str, str]) -> bool:
    """Say whether a store is named: a server, the sentinels of a master, or nodes of a cluster."""
    return any(variables.get(name) for name in _STORE)


def named_store(variables: Mapping[str, str]) -> str | None:
    """Return the URL of the server that REDIS_URL, or REDIS_HOST and its like, name; None if they do not."""
    if url := variables.get("REDIS_URL"):
        return url
    host = variables.get("REDIS_HOST")
    if not host:
        return None
    password = variables.get("REDIS_PASSWORD", "")
    login = f":{quote(password, safe='')}@" if password else ""
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"redis://{login}{host}:{variables.get('REDIS_PORT') or 6379}/{variables.get('REDIS_DB') or 0}"


def write_store_file(path: Path, url: str) -> None:
    """Write how programs of one's own reach the embedded server, for the eyes of this user only."""
    path.unlink(missing_ok=True)
    path.touch(0o600)
    path.write_text(f"export REDIS_URL={url}\n")


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of `host:port`.

    Raises:
        ValueError: It has no port, or one that is not a number.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError(f"{address!r} is not an address; give host:port, such as {LOOPBACK}:50051")
    return host, int(port)


def reachable(address: str) -> str:
    """Return the address to connect to for one to listen on."""
    host, port = split_address(address)
    return f"{_WILDCARDS.get(host, host)}:{port}"


def agree_on_stopping(env: dict[str, str], stop_timeout_s: float) -> float:
    """Return how long services may take to end, such that no worker is killed while it hands jobs back.

    Where `env` does not say how long a worker may finish its jobs (WORKER_SHUTDOWN_MS), that is added to it.
    """
    own_ms = env.get("WORKER_SHUTDOWN_MS", "")
    if own_ms.isdecimal():
        return max(stop_timeout_s, int(own_ms) / 1000 + HAND_BACK_S)
    env.setdefault("WORKER_SHUTDOWN_MS", str(int(max(0.0, stop_timeout_s - HAND_BACK_S) * 1000)))
    return stop_timeout_s
