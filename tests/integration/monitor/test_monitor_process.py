"""`python -m monitor` as an operator runs it: it starts, answers, and ends when it is told to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import orjson
import pytest

from bothsides.jobs import v1 as pb
from bothsides_stack.ports import free_port

Start = Callable[..., "subprocess.Popen[str]"]
#: A wait that only a broken program would need.
PATIENCE_S = 30.0


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the program with nothing in its environment but what is given; it is killed at the end."""
    with ExitStack() as stack:

        def started(**variables: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-m", "monitor"], env=variables, stderr=subprocess.PIPE, text=True
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield started


def stub_of(stack: ExitStack, port: int) -> Any:
    return pb.MonitorServiceStub(stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{port}")))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_it_ends_its_watches_and_exits_with_0(valkey: str, start: Start, number: signal.Signals) -> None:
    port = free_port()
    process = start(REDIS_URL=valkey, MONITOR_ADDR=f"127.0.0.1:{port}")
    with ExitStack() as stack:
        # Given a watcher
        stub = stub_of(stack, port)
        watch = stub.WatchHealth(pb.WatchHealthRequest(), wait_for_ready=True, timeout=PATIENCE_S)
        assert next(watch).status == pb.Health.DEGRADED
        # When the program is told to stop
        process.send_signal(number)
        # Then the watcher is sent to another replica, and the program ends well
        with pytest.raises(grpc.RpcError) as caught:
            next(watch)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "another will answer" in (caught.value.details() or "")
    _, log = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    # And every line of its log is one object, none of them an error or a warning
    lines = [orjson.loads(line) for line in log.splitlines()]
    assert [line["level"] for line in lines] == ["INFO"] * len(lines)
    assert lines[0]["message"] == f"listening on 127.0.0.1:{port}"


def test_it_lists_every_setting_that_is_wrong_and_exits_with_2(start: Start) -> None:
    process = start(REDIS_URL="http://secret@store", MONITOR_ADDR="nowhere", LOG_LEVEL="LOUD")
    _, log = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert all(name in log for name in ("REDIS_URL", "MONITOR_ADDR", "LOG_LEVEL"))
    assert "secret" not in log


def test_it_says_that_its_port_is_taken_and_exits_with_2(valkey: str, start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = start(REDIS_URL=valkey, MONITOR_ADDR=f"127.0.0.1:{port}")
        _, log = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in log


def test_an_outage_is_logged_once_and_never_with_the_password(start: Start) -> None:
    port = free_port()
    process = start(REDIS_URL=f"redis://:hunter2@127.0.0.1:{free_port()}/0", MONITOR_ADDR=f"127.0.0.1:{port}")
    with ExitStack() as stack:
        stub = stub_of(stack, port)
        watch = stub.WatchHealth(pb.WatchHealthRequest(), wait_for_ready=True, timeout=PATIENCE_S)
        health = next(watch)
        assert health.status == pb.Health.UNKNOWN
        assert [issue.code for issue in health.issues] == ["STORE_UNREACHABLE"]
        process.terminate()
        _, log = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    warnings = [orjson.loads(line) for line in log.splitlines() if '"WARNING"' in line]
    assert [line["message"] for line in warnings] == ["the store does not answer: StoreUnavailable"]
    assert "hunter2" not in log
