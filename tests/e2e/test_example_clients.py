"""The example clients do what they show, run as their README says, against the services as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from bothsides_stack.supervisor import Supervisor

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
#: For the packages, from a registry that is slow.
INSTALL_TIMEOUT_S: Final = 240

pytestmark = pytest.mark.xdist_group("example-clients")  # one stack for all of them


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    with Supervisor(workers=1, inherit=False, run_dir=tmp_path_factory.mktemp("stack")) as running:
        yield running


def run(command: Sequence[str | Path], folder: Path, stack: Supervisor | None = None) -> str:
    """Return what the program prints; it must end well and write no errors."""
    env = {**os.environ, **({"BOTHSIDES_SCHEDULER_ADDR": stack.scheduler_addr} if stack else {})}
    ended = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def program(name: str) -> str:
    """Return the path of a program that `make test-all` needs."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is not on PATH: install Node.js 18 or newer with npm, or run `make test`")
    return path


def test_the_python_client_analyses_a_debate(stack: Supervisor) -> None:
    printed = run(
        [sys.executable, EXAMPLES / "python" / "client.py", EXAMPLES / "school_phones.json"], EXAMPLES, stack
    )
    assert "100% Done" in printed
    assert "SUCCEEDED: tone" in printed
    assert "JOB_NOT_CANCELLABLE: job 'ai-" in printed


@pytest.mark.beyond_python
@pytest.mark.timeout(2 * INSTALL_TIMEOUT_S)
def test_the_node_client_submits_watches_and_reads_errors(stack: Supervisor) -> None:
    # Given Node.js and what package.json names, installed beside it where git does not look
    node, npm = program("node"), program("npm")
    run([npm, "install", "--no-audit", "--no-fund", "--no-package-lock"], EXAMPLES / "node")

    # When the client runs
    printed = run([node, "client.js"], EXAMPLES / "node", stack).splitlines()

    # Then its job went all the way, and the error came with its reason and its fields
    assert printed[0].startswith("created ai-")
    assert "is SUCCEEDED" in printed
    assert "depth REFLECTION" in printed
    assert "INVALID_ARGUMENT FIELD_INVALID" in printed
    assert any(line.startswith('  job.labels["Not a label"]: ') for line in printed)
