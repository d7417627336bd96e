"""The contract's check finds what it is for: a rule broken, a format, and a client broken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.tools import RunTool

SERVICE = "protos/bothsides/jobs/v1/job.proto"


def commit_everything(folder: Path) -> None:
    """Make the folder a repository whose main branch holds what is in it now."""
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    for arguments in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "protos/bothsides", "protos/generate.py"),
        (*identity, "commit", "--quiet", "--message=the contract"),
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True)  # noqa: S607 - whichever git is there


@pytest.fixture
def generated(copy: Path, run_in_copy: RunTool) -> Path:
    """The copy with its image made and its protos in buf's format."""
    subprocess.run(
        [Path(sys.executable).with_name("buf"), "format", "--write", "protos"], cwd=copy, check=True
    )
    assert run_in_copy("protos/generate.py").returncode == 0
    return copy


def test_a_message_without_a_comment_is_found(copy: Path, run_in_copy: RunTool) -> None:
    with (copy / SERVICE).open("a") as proto:
        proto.write("\nmessage silent {}\n")
    assert run_in_copy("protos/generate.py").returncode == 0

    checked = run_in_copy("tools/contract.py")

    assert checked.returncode == 1
    assert 'Message "silent" should have a non-empty comment' in checked.stdout
    assert 'Message name "silent" should be PascalCase' in checked.stdout
    assert "buf lint" in checked.stdout.splitlines()[-1]


def test_a_format_that_is_not_buf_s_is_found(generated: Path, run_in_copy: RunTool) -> None:
    proto = generated / SERVICE
    proto.write_text(proto.read_text().replace("package bothsides", "package   bothsides"))

    checked = run_in_copy("tools/contract.py")

    assert checked.returncode == 1
    assert "-package   bothsides" in checked.stdout
    assert "buf format" in checked.stdout.splitlines()[-1]


def test_what_breaks_clients_of_the_main_branch_is_found(generated: Path, run_in_copy: RunTool) -> None:
    # Given a main branch with one message more than now
    proto = generated / SERVICE
    now = proto.read_text()
    proto.write_text(now + "\n// Gone is what clients used.\nmessage Gone {}\n")
    commit_everything(generated)
    proto.write_text(now)

    checked = run_in_copy("tools/contract.py")

    assert checked.returncode == 1
    assert 'Previously present message "Gone" was deleted' in checked.stdout
    assert "it breaks clients of main" in checked.stdout


def test_nothing_can_break_before_there_is_a_main_branch(generated: Path, run_in_copy: RunTool) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=generated, check=True)  # noqa: S607 - whichever git is there

    assert "the main branch has no protos/ yet" in run_in_copy("tools/contract.py").stdout


def test_the_contract_as_it_is_passes_against_itself(generated: Path, run_in_copy: RunTool) -> None:
    commit_everything(generated)

    checked = run_in_copy("tools/contract.py")

    assert checked.returncode == 0, checked.stdout
    assert "contract: buf lint, buf format, buf breaking passed" in checked.stdout
