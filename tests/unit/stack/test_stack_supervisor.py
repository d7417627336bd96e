"""The supervisor, with real processes that stand in for the services."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import redis

from bothsides_stack.errors import AddressInUse, ChildDied
from bothsides_stack.health import is_serving
from bothsides_stack.ports import free_port
from bothsides_stack.supervisor import Supervisor
from support.processes import expect_none_left, processes_marked
from support.waiting import wait_until

StackOf = Callable[..., Supervisor]


@pytest.fixture
def stack_of(stand_ins: dict[str, str], tmp_path: Path) -> StackOf:
    """Make a supervisor of stand-ins; keyword arguments in capitals are variables."""

    def make(*, workers: int = 1, stop_timeout_s: float = 10.0, **variables: str) -> Supervisor:
        return Supervisor(
            workers=workers,
            env={**stand_ins, **variables},
            inherit=False,
            run_dir=tmp_path / "run",
            stop_timeout_s=stop_timeout_s,
        )

    return make


def test_everything_serves_once_the_stack_has_started_and_nothing_is_left_after(stack_of: StackOf) -> None:
    with stack_of(workers=2) as stack:
        assert list(stack.processes) == ["valkey", "scheduler", "monitor", "worker-1", "worker-2"]
        assert is_serving(stack.scheduler_addr)
        assert is_serving(stack.monitor_addr)
        with redis.Redis.from_url(stack.redis_url) as client:
            assert client.ping()
        pids = [child.pid for child in stack.processes.values()]
        assert all(psutil.pid_exists(pid) for pid in pids)
        stack.check()
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


def test_the_services_stop_before_the_server_and_workers_first(stack_of: StackOf, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    with stack_of(workers=1, STAND_IN_DIARY=str(diary)):
        pass
    lines = diary.read_text().splitlines()
    assert lines[0] == "analysis_worker with server"
    assert sorted(lines[1:]) == ["monitor with server", "scheduler with server"]


def test_a_process_that_dies_is_named_with_its_last_lines(stack_of: StackOf) -> None:
    with stack_of(JOB_LEASE_MS="1234") as stack:
        stack.processes["monitor"].signal(signal.SIGKILL)
        assert stack.processes["monitor"].wait(timeout_s=20)
        with pytest.raises(ChildDied, match=r"monitor was killed by SIGKILL.*monitor\.log") as caught:
            stack.check()
        assert caught.value.last_lines == ("monitor starts with 1234",)


def test_a_service_that_ends_while_starting_is_reported_and_nothing_is_left(
    stack_of: StackOf, tmp_path: Path
) -> None:
    stack = stack_of(STAND_IN_FAILS="monitor", TMPDIR=str(tmp_path))
    with pytest.raises(ChildDied, match=r"(?s)monitor ended with status 3.*no configuration for this planet"):
        stack.__enter__()
    assert not processes_marked(tmp_path)


def test_a_worker_that_ignores_its_end_is_killed_and_named(stack_of: StackOf) -> None:
    # Long enough for the others to end on a busy machine.
    stack = stack_of(stop_timeout_s=4, STAND_IN_DEAF="analysis_worker")
    stack.start()
    pid = stack.processes["worker-1"].pid
    assert stack.stop() == ("worker-1",)
    assert not psutil.pid_exists(pid)


def test_hurrying_does_not_wait_for_the_deadline(stack_of: StackOf) -> None:
    """With a deadline of an hour, this test ends only because of the hurry."""
    stack = stack_of(stop_timeout_s=3600, STAND_IN_DEAF="scheduler")
    stack.start()
    stack.hurry()
    assert "scheduler" in stack.stop()


def test_what_a_worker_has_started_ends_with_it(stack_of: StackOf) -> None:
    with stack_of(STAND_IN_HAS_CHILD="analysis_worker") as stack:
        worker = psutil.Process(stack.processes["worker-1"].pid)
        grandchild = worker.children()[0]
    wait_until(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


def test_workers_are_added_and_services_come_back_at_their_address(stack_of: StackOf) -> None:
    with stack_of(workers=0) as stack:
        assert stack.add_worker() == "worker-1"
        assert stack.add_worker() == "worker-2"
        # Given a scheduler that crashed
        address, pid = stack.scheduler_addr, stack.processes["scheduler"].pid
        stack.processes["scheduler"].kill()
        assert not is_serving(address)
        # When it is started again
        stack.restart("scheduler")
        # Then it is another process at the same address
        assert stack.scheduler_addr == address
        assert is_serving(address)
        assert stack.processes["scheduler"].pid != pid
        stack.check()


def test_a_server_that_the_environment_names_is_used_and_left_alone(stack_of: StackOf, valkey: str) -> None:
    with stack_of(REDIS_URL=valkey) as stack:
        assert stack.redis_url == valkey
        assert stack.server is None
        assert "valkey" not in stack.processes
    with redis.Redis.from_url(valkey) as client:
        assert client.ping()


def test_an_address_in_use_is_refused_before_anything_starts(stack_of: StackOf) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        address = f"127.0.0.1:{busy.getsockname()[1]}"
        stack = stack_of(SCHEDULER_ADDR=address)
        with pytest.raises(AddressInUse, match=f"{address} is in use.*choose another SCHEDULER_ADDR"):
            stack.__enter__()
    assert stack.processes == {}


def test_an_address_that_means_every_interface_is_reached_by_loopback(stack_of: StackOf) -> None:
    port = free_port()
    with stack_of(SCHEDULER_ADDR=f"0.0.0.0:{port}") as stack:
        assert stack.scheduler_addr == f"127.0.0.1:{port}"


def test_a_supervisor_that_is_killed_leaves_no_process(stand_ins: dict[str, str], tmp_path: Path) -> None:
    # Given a program that supervises a stack
    program = (
        "import sys; from bothsides_stack.supervisor import Supervisor\n"
        "with Supervisor() as stack: print('up', flush=True); sys.stdin.read()"
    )
    supervisor = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, **stand_ins, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == b"up\n"
        assert len(processes_marked(tmp_path)) == 5
        # When it is killed outright
        supervisor.kill()
    # Then its server and its services are gone too
    expect_none_left(tmp_path)
