"""What a server's refusals mean: what passes by itself, what will not, and what is said about it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import redis.exceptions
from redis._parsers.base import BaseParser

from common.errors import StoreFull, StoreUnavailable
from common.store.operation import STORE_ERRORS, translated

PASSING = (
    "READONLY You can't write against a read only replica.",
    "LOADING Valkey is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "CLUSTERDOWN The cluster is down",
    "CLUSTERDOWN Hash slot not served",
    "MOVED 6226 127.0.0.1:15405",
    "ASK 6226 127.0.0.1:15405",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "NOREPLICAS Not enough good replicas to write.",
    "MISCONF Errors writing to the AOF file: No space left on device",
    "BUSY Valkey is busy running a script.",
    "ERR max number of clients reached",
)
LASTING = (
    "NOPERM User worker has no permissions to run the 'evalsha' command",
    "WRONGPASS invalid username-password pair or user is disabled.",
    "NOAUTH Authentication required.",
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "ERR user_script:12: attempt to index a nil value",
    "Script attempted to access a non local key in a cluster node",
)


def refusal(text: str) -> Exception:
    """Return what redis-py makes of an error reply."""
    parse: Any = BaseParser.parse_error
    error: Exception = parse(text)
    return error


@pytest.mark.parametrize("text", PASSING)
def test_what_passes_by_itself_is_an_absence_and_no_error(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    error = refusal(text)
    assert isinstance(error, STORE_ERRORS)
    assert isinstance(translated(error), StoreUnavailable)
    assert caplog.records == []


@pytest.mark.parametrize("text", LASTING)
def test_what_will_not_pass_is_logged_as_an_error(text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(translated(refusal(text)), StoreUnavailable)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_full_server_is_a_refusal_of_its_own() -> None:
    assert isinstance(
        translated(refusal("OOM command not allowed when used memory > 'maxmemory'.")), StoreFull
    )


def test_a_cluster_that_cannot_be_reached_is_an_absence() -> None:
    """redis-py raises what is no RedisError."""
    error = redis.exceptions.RedisClusterException("Redis Cluster cannot be connected.")
    assert isinstance(error, STORE_ERRORS)
    assert isinstance(translated(error), StoreUnavailable)
