"""What is wrong with a server, from what it says of itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.store.servers import ServerFacts, ServerTooOld
from common.store.weaknesses import weaknesses_of

WELL = ServerFacts("", "Valkey", "7.2.4", "noeviction", 0, 2**20, appends=True, append_ok=True, replicas=0)
GIB = 2**30


def found(*servers: ServerFacts, replicated: bool = False) -> list[tuple[str, bool]]:
    return [(weakness.code, weakness.grave) for weakness in weaknesses_of(servers, replicated=replicated)]


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ({}, []),
        ({"redis_version": "6.2.14"}, [("SERVER_TOO_OLD", True)]),
        ({"redis_version": "10.0.1"}, []),
        ({"eviction_policy": "allkeys-lru"}, [("SERVER_EVICTS", False)]),
        ({"eviction_policy": "allkeys-lru", "memory_limit_bytes": GIB}, [("SERVER_EVICTS", True)]),
        ({"eviction_policy": "volatile-ttl", "memory_limit_bytes": GIB}, [("SERVER_EVICTS", False)]),
        ({"appends": False}, [("SERVER_NOT_DURABLE", False)]),
        ({"append_ok": False}, [("SERVER_DISK_FAILING", True)]),
        ({"memory_limit_bytes": GIB, "memory_used_bytes": GIB * 8 // 9}, []),
        ({"memory_limit_bytes": GIB, "memory_used_bytes": GIB * 10 // 11}, [("SERVER_MEMORY_LOW", False)]),
        ({"memory_limit_bytes": GIB, "memory_used_bytes": GIB + 1}, [("SERVER_MEMORY_LOW", True)]),
    ],
)
def test_each_weakness_has_a_name_and_a_weight(
    differences: dict[str, object], expected: list[tuple[str, bool]]
) -> None:
    assert found(replace(WELL, **differences)) == expected  # type: ignore[arg-type]


def test_a_lone_server_is_a_weakness_where_a_loss_should_be_survived() -> None:
    assert found(WELL, replicated=True) == [("SERVER_WITHOUT_REPLICA", False)]
    assert found(replace(WELL, replicas=1), replicated=True) == []


def test_nodes_that_share_a_weakness_are_named_together() -> None:
    nodes = [replace(WELL, address=f"n{i}:1", appends=i == 1) for i in range(3)]
    [weakness] = weaknesses_of(nodes)
    assert weakness.message.endswith("(n0:1, n2:1)")
    assert weakness.recommendation


def test_the_graver_of_two_is_told() -> None:
    nodes = [replace(WELL, memory_limit_bytes=GIB, memory_used_bytes=used) for used in (GIB - 1, GIB + 1)]
    assert found(*nodes) == [("SERVER_MEMORY_LOW", True)]


def test_a_server_that_is_too_old_is_refused_in_words() -> None:
    refused = ServerTooOld(replace(WELL, product="Redis", redis_version="6.2.14", address="n1:7000"))
    assert str(refused) == (
        "the server at n1:7000 is Redis 6.2.14, but the platform needs Valkey, or Redis 7 or newer: "
        "upgrade it, or name another with REDIS_URL"
    )
