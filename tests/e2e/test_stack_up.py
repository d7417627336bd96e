"""`bothsides up` in one terminal and a client in another, with a server that the environment names."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import redis

from bothsides_stack.ports import free_port
from support.running import running
from support.waiting import wait_until

BOTHSIDES = Path(sys.executable).with_name("bothsides")
DEBATE = Path(__file__).resolve().parents[2] / "examples" / "school_phones.json"


def test_a_client_uses_the_stack_by_the_line_that_it_prints(valkey: str, tmp_path: Path) -> None:
    # Given a stack on the server that REDIS_URL names
    addresses = [f"--scheduler-addr=127.0.0.1:{free_port()}", f"--monitor-addr=127.0.0.1:{free_port()}"]
    with running([BOTHSIDES, "up", *addresses], tmp_path, {"REDIS_URL": valkey}) as up:
        wait_until(lambda: "Ctrl-C stops everything." in up.output(), timeout_s=60)
        assert "the one that the environment names" in up.output()
        exported = dict(re.findall(r"(BOTHSIDES_\w+_ADDR)=(\S+)", up.output()))

        # When somebody does what it says
        analysed = subprocess.run(
            [BOTHSIDES, "analyze", DEBATE, "--watch"],
            env=exported,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

        # Then the debate is analysed, by that stack, on that server
        assert analysed.returncode == 0, analysed.stderr
        assert "Odile Wrenfield" in analysed.stdout
        assert "worker-1 | " in up.output()
        with redis.Redis.from_url(valkey) as client:
            assert client.dbsize() > 0
        up.process.send_signal(signal.SIGINT)
        assert up.end() == 130
        assert up.leftovers() == []
