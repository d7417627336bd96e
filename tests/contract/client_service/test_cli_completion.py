"""A shell completes commands, ids and names; without a server it is quiet."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bothsides.jobs import v1 as pb
from bothsides_client.client import Client

#: Nobody listens on it.
NOBODY = "127.0.0.1:1"


def completed(address: str, *words: str, kind: str = "fish") -> subprocess.CompletedProcess[str]:
    """Return what the shell gets for a line that ends with the last of the words."""
    line = {
        "fish": {
            "_TYPER_COMPLETE_ARGS": " ".join(("bothsides", *words)),
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        },
        "zsh": {"_TYPER_COMPLETE_ARGS": " ".join(("bothsides", *words))},
        "bash": {"COMP_WORDS": "\n".join(("bothsides", *words)), "COMP_CWORD": str(len(words))},
    }[kind]
    return subprocess.run(
        [sys.executable, "-c", "from bothsides_client.cli import main; main()"],
        env={
            **os.environ,
            **line,
            "_BOTHSIDES_COMPLETE": f"complete_{kind}",
            "BOTHSIDES_SCHEDULER_ADDR": address,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def generic(queue: str) -> pb.Job:
    return pb.Job(spec=pb.JobSpec(generic=pb.GenericSpec(actor="work", queue=queue)))


def test_ids_and_names_come_from_the_server(caller: Client, scheduler_addr: str) -> None:
    first = caller.create_job(generic("images")).job_id
    second = caller.create_job(generic("exports")).job_id
    for shell in ("bash", "zsh", "fish"):
        offered = completed(scheduler_addr, "jobs", "get", first[:4], kind=shell)
        assert first in offered.stdout, shell
        assert second not in offered.stdout
        assert offered.stderr == ""
    assert "images" in completed(scheduler_addr, "queues", "pause", "im").stdout
    # An option before the command names another server.
    offered = completed(NOBODY, "--scheduler", scheduler_addr, "queues", "pause", "im")
    assert "images" in offered.stdout


@pytest.mark.parametrize("words", [("jobs", "get", ""), ("queues", "pause", ""), ("failures", "retry", "")])
def test_without_a_server_nothing_is_offered_and_nothing_said(words: tuple[str, ...]) -> None:
    ended = completed(NOBODY, *words, kind="zsh")
    assert ended.stderr == ""
    assert "Traceback" not in ended.stdout
    bash = completed(NOBODY, *words, kind="bash")
    assert (bash.stdout.strip(), bash.stderr) == ("", "")


def test_commands_and_options_need_no_server() -> None:
    assert "explain" in completed(NOBODY, "jobs", "ex", kind="bash").stdout
    assert "--dry-run" in completed(NOBODY, "jobs", "cancel", "--dr", kind="bash").stdout


@pytest.mark.parametrize(
    ("shell", "words"), [("bash", "complete -o"), ("zsh", "#compdef"), ("fish", "complete ")]
)
def test_the_script_is_printed(shell: str, words: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from bothsides_client.cli import main; main()", "completion", shell],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert words in ended.stdout
    assert "_BOTHSIDES_COMPLETE" in ended.stdout
