"""The real services under the supervisor: they come up, say so, and go when told, without being killed."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest
import redis

from bothsides_stack.errors import ChildDied
from bothsides_stack.health import is_serving
from bothsides_stack.supervisor import Supervisor
from support.waiting import wait_until


def test_the_services_come_up_and_stop_by_themselves_in_time(tmp_path: Path) -> None:
    stack = Supervisor(workers=2, inherit=False, run_dir=tmp_path)
    with stack:
        assert list(stack.processes) == ["valkey", "scheduler", "monitor", "worker-1", "worker-2"]
        assert is_serving(stack.scheduler_addr)
        assert is_serving(stack.monitor_addr)
        pids = [child.pid for child in stack.processes.values()]
        assert stack.stop() == ()
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    for log in tmp_path.glob("*.log"):
        assert "Traceback" not in log.read_text(), log.name


def test_a_server_that_is_named_is_used_and_left_running(valkey: str, tmp_path: Path) -> None:
    with (
        Supervisor(env={"REDIS_URL": valkey}, inherit=False, run_dir=tmp_path) as stack,
        redis.Redis.from_url(valkey) as client,
    ):
        assert "valkey" not in stack.processes
        names = wait_until(lambda: [key.decode() for key in client.scan_iter("*")])
        assert all("bothsides" in name for name in names)
    with redis.Redis.from_url(valkey) as client:
        assert client.ping()


def test_wrong_settings_end_the_start_with_all_of_them_named(tmp_path: Path) -> None:
    wrong = {"JOB_LEASE_MS": "soon", "LOG_LEVEL": "LOUD"}
    stack = Supervisor(env=wrong, inherit=False, run_dir=tmp_path)
    with pytest.raises(ChildDied, match=r"(?s)2 settings are wrong.*JOB_LEASE_MS.*LOG_LEVEL"):
        stack.__enter__()
    assert not [child for child in stack.processes.values() if child.running]


def test_a_killed_worker_is_noticed_and_its_children_go_with_it(tmp_path: Path) -> None:
    with Supervisor(inherit=False, run_dir=tmp_path) as stack:
        children = psutil.Process(stack.processes["worker-1"].pid).children(recursive=True)
        assert children, "a worker keeps processes for work on the processor"
        stack.processes["worker-1"].signal(signal.SIGKILL)
        assert stack.processes["worker-1"].wait(timeout_s=20)

        with pytest.raises(ChildDied, match="worker-1 was killed by SIGKILL"):
            stack.check()
        wait_until(lambda: not [child for child in children if is_alive(child)])
        assert stack.add_worker() == "worker-2"


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
