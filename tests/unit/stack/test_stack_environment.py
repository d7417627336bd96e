"""Variables and addresses: what the stack reads out of them."""

from __future__ import annotations

import pytest

from bothsides_stack.environment import (
    agree_on_stopping,
    named_store,
    names_store,
    reachable,
    split_address,
    without_settings,
)


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, None),
        ({"REDIS_URL": ""}, None),
        ({"REDIS_PORT": "6380"}, None),
        ({"REDIS_URL": "redis://store:1/2", "REDIS_HOST": "other"}, "redis://store:1/2"),
        ({"REDIS_HOST": "store"}, "redis://store:6379/0"),
        ({"REDIS_HOST": "store", "REDIS_PORT": "6380", "REDIS_DB": "3"}, "redis://store:6380/3"),
        ({"REDIS_HOST": "store", "REDIS_PASSWORD": "a/b@c"}, "redis://:a%2Fb%40c@store:6379/0"),
        ({"REDIS_HOST": "::1"}, "redis://[::1]:6379/0"),
    ],
)
def test_a_url_or_a_host_names_the_store(variables: dict[str, str], url: str | None) -> None:
    assert named_store(variables) == url


@pytest.mark.parametrize("name", ["REDIS_URL", "REDIS_HOST", "REDIS_SENTINELS", "REDIS_CLUSTER_NODES"])
def test_a_named_store_is_used_whatever_its_shape(name: str) -> None:
    assert names_store({name: "store:1"})
    assert not names_store({name: "", "REDIS_PASSWORD": "secret"})


def test_a_private_stack_sees_no_setting_key_or_server_of_its_caller() -> None:
    caller = {
        "PATH": "/bin",
        "HOME": "/home/ada",
        "LOG_LEVEL": "DEBUG",
        "REDIS_URL": "redis://production",
        "OPENAI_API_KEY": "secret",
        "AUTH_JWT_SECRET": "secret",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector",
        "WORKER_QUEUES": "exports",
    }
    assert without_settings(caller) == {"PATH": "/bin", "HOME": "/home/ada"}


@pytest.mark.parametrize(
    ("own_ms", "given_s", "shutdown_ms", "timeout_s"),
    [
        (None, 10.0, "7000", 10.0),
        (None, 1.0, "0", 1.0),
        ("60000", 10.0, "60000", 63.0),
        ("500", 10.0, "500", 10.0),
    ],
)
def test_a_worker_hands_its_jobs_back_before_it_would_be_killed(
    own_ms: str | None, given_s: float, shutdown_ms: str, timeout_s: float
) -> None:
    env = {} if own_ms is None else {"WORKER_SHUTDOWN_MS": own_ms}
    assert agree_on_stopping(env, given_s) == timeout_s
    assert env == {"WORKER_SHUTDOWN_MS": shutdown_ms}


@pytest.mark.parametrize(
    ("listens", "connects"),
    [
        ("0.0.0.0:50051", "127.0.0.1:50051"),
        ("[::]:50051", "[::1]:50051"),
        ("localhost:1", "localhost:1"),
    ],
)
def test_a_client_reaches_an_address_that_means_every_interface(listens: str, connects: str) -> None:
    assert reachable(listens) == connects


@pytest.mark.parametrize(
    "address", ["", "localhost", "localhost:", "localhost:http", "localhost:0", "localhost:70000"]
)
def test_an_address_without_a_usable_port_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="is not an address; give host:port"):
        split_address(address)
