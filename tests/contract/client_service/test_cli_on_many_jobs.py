"""Cancelling, retrying and watching by filter, and groups of failures, against a real scheduler."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

from bothsides.jobs import v1 as pb
from bothsides_client.client import Client
from support.scheduler import BareWorker
from support.waiting import wait_until

Command = Callable[..., Result]
WAITING = 'state = PENDING AND labels.run = "7"'


def lines(ended: Result) -> list[Any]:
    return [json.loads(line) for line in ended.stdout.splitlines()]


def create(caller: Client, count: int, *, run: str = "7", actor: str = "work") -> list[str]:
    spec = pb.JobSpec(generic=pb.GenericSpec(actor=actor))
    outcomes = caller.create_jobs([pb.Job(spec=spec, labels={"run": run})] * count)
    return [each.job.job_id for each in outcomes if each.job is not None]


def states(caller: Client) -> list[str]:
    return [pb.Job.State.Name(job.state) for job in caller.list_jobs()]


class TestByFilter:
    def test_a_dry_run_shows_what_matches_and_changes_nothing(self, command: Command, caller: Client) -> None:
        create(caller, 3)
        create(caller, 2, run="8")
        ended = command("jobs", "cancel", "--filter", WAITING, "--dry-run")
        assert ended.exit_code == 0
        assert ended.stdout.startswith("3 jobs match.\n")
        assert ended.stdout.count("PENDING") == 3
        (preview,) = lines(command("jobs", "cancel", "--filter", WAITING, "--dry-run", "--json"))
        assert (preview["matched_count"], len(preview["sample_jobs"])) == ("3", 3)
        assert set(states(caller)) == {"PENDING"}

    def test_it_asks_after_a_look_and_does_nothing_without_a_yes(
        self, command: Command, caller: Client
    ) -> None:
        create(caller, 3)
        for answer in ("n\n", "\n", ""):
            ended = command("jobs", "cancel", "--filter", WAITING, answer=answer)
            assert ended.exit_code == 2
            assert "Cancel 3 jobs? [y/N]" in ended.stderr
        assert set(states(caller)) == {"PENDING"}

        ended = command("jobs", "cancel", "--filter", WAITING, answer="y\n")
        assert ended.exit_code == 0
        assert "3 of 3 done" in ended.stdout
        assert set(states(caller)) == {"CANCELLED"}

    def test_with_json_it_must_be_told_not_to_ask(self, command: Command, caller: Client) -> None:
        create(caller, 2)
        refused = command("jobs", "cancel", "--filter", WAITING, "--json")
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert set(states(caller)) == {"PENDING"}
        told = lines(command("jobs", "cancel", "--filter", WAITING, "--yes", "--json"))
        assert (told[-1]["finished"], told[-1]["done_count"]) == (True, "2")

    def test_no_more_than_the_maximum_are_changed(self, command: Command, caller: Client) -> None:
        create(caller, 5)
        ended = command("jobs", "cancel", "--filter", WAITING, "--max", "2", "--yes")
        assert ended.exit_code == 0
        assert "More jobs match than --max" in ended.stderr
        assert sorted(states(caller)) == ["CANCELLED"] * 2 + ["PENDING"] * 3

    def test_nothing_to_change_asks_nothing(self, command: Command) -> None:
        ended = command("jobs", "retry", "--filter", "state = FAILED")
        assert (ended.exit_code, ended.stdout, ended.stderr) == (0, "0 jobs match.\n", "")

    def test_jobs_are_retried_by_filter(self, command: Command, caller: Client) -> None:
        for job_id in create(caller, 3):
            caller.cancel_job(job_id)
        ended = command("jobs", "retry", "--filter", "state = CANCELLED", "--yes", "--pace", "1000")
        assert ended.exit_code == 0
        assert set(states(caller)) == {"PENDING"}

    def test_a_wrong_filter_is_exit_2(self, command: Command) -> None:
        ended = command("jobs", "cancel", "--filter", "colour = blue", "--yes")
        assert (ended.exit_code, ended.stdout) == (2, "")
        assert "filter" in ended.stderr


class TestFailures:
    @pytest.fixture(autouse=True)
    def failed(self, caller: Client, worker: BareWorker) -> list[str]:
        """Return jobs that failed in two ways: two of DISK_FULL, one of ODD_SIZE."""
        ids = create(caller, 3)
        for reason in ("DISK_FULL", "DISK_FULL", "ODD_SIZE"):
            worker.fail(worker.fetch(), reason)
        return ids

    def test_groups_are_listed_the_largest_first(self, command: Command) -> None:
        groups = lines(command("failures", "--json"))
        assert [(each["reason"], each["job_count"]) for each in groups] == [
            ("DISK_FULL", "2"),
            ("ODD_SIZE", "1"),
        ]
        shown = command("failures").stdout
        assert groups[0]["fingerprint"] in shown
        assert "DISK_FULL" in shown
        assert command("failures", "--filter", "labels.run = 8").stdout == "no failed jobs\n"

    def test_a_group_is_retried_and_no_other(self, command: Command, caller: Client) -> None:
        group = lines(command("failures", "--json"))[0]["fingerprint"]
        previewed = command("failures", "retry", group[:6], "--dry-run")
        assert previewed.stdout.startswith("2 jobs match.\n")
        ended = command("failures", "retry", group[:6], answer="y\n")
        assert ended.exit_code == 0, ended.output
        assert "2 of 2 done" in ended.stdout
        assert sorted(states(caller)) == ["FAILED", "PENDING", "PENDING"]

    def test_a_group_must_be_known_and_be_one(self, command: Command) -> None:
        for beginning, words in (("xyz", "no group 'xyz'"), ("", "give more of it")):
            ended = command("failures", "retry", beginning, "--yes")
            assert ended.exit_code == 2
            assert words in " ".join(ended.stderr.replace("│", " ").split())


def test_a_watch_by_filter_prints_what_happens_until_it_is_interrupted(
    scheduler_addr: str, caller: Client
) -> None:
    """Given a watch that has begun, when jobs move, then each move is a line, in order, with no traceback."""
    waits = create(caller, 1)[0]
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", "from bothsides_client.cli import main; main()"),
            *("--scheduler", scheduler_addr, "jobs", "watch", "--filter", "labels.run = 7", "--snapshot"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        assert f"{waits}  is PENDING" in process.stdout.readline()
        later = create(caller, 1)[0]
        create(caller, 1, run="8")
        caller.cancel_job(later)
        read = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert f"{later}  moved to PENDING" in read[0]
    assert f"{later}  moved to CANCELLED" in read[1]
    assert (process.returncode, stderr) == (130, "")
    wait_until(lambda: process.poll() is not None)
