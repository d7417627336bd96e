"""`up` as a program, with stand-ins for the services: what it says, and how it ends."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import psutil
import pytest
import redis

from bothsides_stack.commands import example_debate
from bothsides_stack.health import is_serving
from bothsides_stack.ports import free_port
from support.running import running
from support.waiting import wait_until

UP = (sys.executable, "-c", "import typer; from bothsides_stack.commands import up; typer.run(up)")


def free_addresses() -> tuple[str, ...]:
    return (f"--scheduler-addr=127.0.0.1:{free_port()}", f"--monitor-addr=127.0.0.1:{free_port()}")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_up_runs_until_it_is_told_to_end(
    number: signal.Signals, status: int, tmp_path: Path, stand_ins: dict[str, str]
) -> None:
    port, health = free_port(), f"127.0.0.1:{free_port()}"
    options = (f"--scheduler-addr=127.0.0.1:{port}", f"--monitor-addr=127.0.0.1:{free_port()}", "--workers=2")
    variables = {**stand_ins, "JOB_LEASE_MS": "777", "WORKER_HEALTH_ADDR": health}
    with running([*UP, *options], tmp_path, variables) as up:
        wait_until(lambda: "Ctrl-C stops everything." in up.output())
        assert is_serving(f"127.0.0.1:{port}")
        assert is_serving(health)
        assert f"export BOTHSIDES_SCHEDULER_ADDR=127.0.0.1:{port}" in up.output()
        [store_file] = re.findall(r"^ {2}\. (\S+)", up.output(), re.MULTILINE)
        assert Path(store_file).stat().st_mode & 0o777 == 0o600
        [url] = re.findall(r"export REDIS_URL=(\S+)", Path(store_file).read_text())
        with redis.Redis.from_url(url) as client:
            assert client.ping()
        wait_until(lambda: "worker-2 | analysis_worker starts with 777" in up.output())
        up.process.send_signal(number)
        assert up.end() == status
        assert up.output().endswith("Everything is stopped.\n")
        assert up.leftovers() == []


@pytest.mark.parametrize("processes", [1, 2, 3, 4, 5])
def test_an_interrupt_while_starting_leaves_nothing(
    processes: int, tmp_path: Path, stand_ins: dict[str, str]
) -> None:
    """Interrupted once so many of its five processes exist."""
    with running([*UP, *free_addresses()], tmp_path, stand_ins) as up:
        wait_until(lambda: up.process_count() >= processes)
        up.process.send_signal(signal.SIGINT)
        up.end()
        assert up.leftovers() == []


def test_a_second_interrupt_ends_what_does_not_want_to(tmp_path: Path, stand_ins: dict[str, str]) -> None:
    with running([*UP, *free_addresses()], tmp_path, {**stand_ins, "STAND_IN_DEAF": "analysis_worker"}) as up:
        wait_until(lambda: "Ctrl-C stops everything." in up.output())
        up.process.send_signal(signal.SIGINT)
        wait_until(lambda: "Stopping ..." in up.output())
        up.process.send_signal(signal.SIGINT)
        assert up.end() == 130
        assert "Had to be killed, for they did not end in time: worker-1" in up.output()


def test_up_ends_and_says_why_when_a_process_dies(tmp_path: Path, stand_ins: dict[str, str]) -> None:
    with running([*UP, *free_addresses(), "--quiet"], tmp_path, stand_ins) as up:
        wait_until(lambda: "Ctrl-C stops everything." in up.output())
        scheduler = next(p for p in psutil.Process(up.process.pid).children() if "scheduler" in p.cmdline())
        scheduler.kill()
        assert up.end() == 1
        assert "scheduler was killed by SIGKILL; the end of " in up.output()
        assert "scheduler starts with no lease" in up.output()


def test_up_refuses_an_address_without_a_port(tmp_path: Path, stand_ins: dict[str, str]) -> None:
    with running([*UP, "--scheduler-addr=localhost"], tmp_path, stand_ins) as up:
        assert up.end() == 2
        assert "--scheduler-addr" in up.output()
        assert "give host:port" in up.output()


def test_up_refuses_to_drop_a_certificate_silently(tmp_path: Path, stand_ins: dict[str, str]) -> None:
    with running(UP, tmp_path, {**stand_ins, "TLS_CERT_FILE": "/etc/certificate.pem"}) as up:
        assert up.end() == 2
        assert "unset TLS_CERT_FILE" in up.output()


def test_the_example_of_the_demo_is_found() -> None:
    assert example_debate("night_trains.vtt").read_text().startswith("WEBVTT")
