"""A stop is heard whichever thread its signal was delivered to."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]


def run(thread: str, signals: int) -> int:
    """Return the exit status of a program whose main thread waits while one of its threads gets SIGTERM."""
    command = [sys.executable, "-m", "support.signalled_program", thread, str(signals)]
    return subprocess.run(command, env={"PYTHONPATH": str(TESTS)}, timeout=60, check=False).returncode


@pytest.mark.parametrize("thread", ["main", "other"])
def test_one_signal_asks_for_a_stop(thread: str) -> None:
    assert run(thread, 1) == 0


@pytest.mark.parametrize("thread", ["main", "other"])
def test_a_second_signal_ends_a_process_that_cannot_stop(thread: str) -> None:
    assert run(thread, 2) == 128 + signal.SIGTERM
