"""`bothsides submit` and `bothsides jobs` against a real scheduler."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from typer.testing import Result

from bothsides.jobs import v1 as pb
from bothsides_client.cli.follow_log import follow_log
from bothsides_client.client import Client
from common.job.log import line_of
from common.store.jobs import NewLine, append_log
from support.scheduler import BareWorker

Command = Callable[..., Result]
#: An id of the right form that nothing has.
NO_JOB = "dp-00000000000000000000000000"


def one(ended: Result) -> Any:
    """Return the only line of a command's output, which must be JSON, of a command that ended well."""
    assert ended.exit_code == 0, ended.output
    (line,) = ended.stdout.splitlines()
    return json.loads(line)


def lines(ended: Result) -> list[Any]:
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.fixture
def submitted(command: Command) -> str:
    """Return the id of a job that waits."""
    job_id: str = one(command("submit", "work", "--label", "team=blue", "--json"))["job_id"]
    return job_id


class TestSubmit:
    def test_another_tenants_jobs_are_seen_by_who_acts_for_it(self, command: Command) -> None:
        job_id = one(command("--as-tenant", "acme", "submit", "work", "--json"))["job_id"]

        listed = lines(command("--as-tenant", "acme", "jobs", "list", "--json"))
        assert [job["job_id"] for job in listed] == [job_id]
        assert lines(command("jobs", "list", "--json")) == []
        assert "no job" in command("jobs", "get", job_id).stderr
        assert command("--as-tenant", "a:b", "jobs", "list").exit_code == 1

    def test_options_become_the_job(self, command: Command, caller: Client) -> None:
        ended = command(
            *("submit", "resize", "--args", '["a.png", 80]', "--kwargs", '{"deep": {"x": [1, null]}}'),
            *("--priority", "high", "--label", "team=blue", "--label", "run=7", "--at", "+1h"),
            *(
                "--timeout",
                "90s",
                "--ttl",
                "2h",
                "--attempts",
                "5",
                "--unique-key",
                "k",
                "--request-id",
                "r-1",
            ),
        )
        assert ended.exit_code == 0, ended.output
        [job_id] = [line.split()[0] for line in ended.stdout.splitlines()]
        assert ended.stdout == f"{job_id} is SCHEDULED\n"
        assert f"bothsides jobs watch {job_id}" in ended.stderr
        job = caller.get_job(job_id, full=True)
        assert [value.string_value or value.number_value for value in job.spec.generic.args] == ["a.png", 80]
        assert MessageToDict(job.spec.generic.kwargs) == {"deep": {"x": [1, None]}}
        assert dict(job.labels) == {"team": "blue", "run": "7"}
        assert (job.priority, job.unique_key) == (pb.Job.HIGH, "k")
        assert (job.timeout.seconds, job.retry_policy.max_attempts) == (90, 5)
        assert job.HasField("expire_time")
        shown = command("jobs", "get", job_id).stdout
        for row in (r"Attempts +0 of 5", r"Timeout +90", r"Expires +20\d\d-", r"Labels +run=7, team=blue"):
            assert re.search(rf"^{row}", shown, flags=re.M), row

    def test_the_same_request_id_makes_the_same_job(self, command: Command) -> None:
        ids = {one(command("submit", "work", "--request-id", "r-1", "--json"))["job_id"] for _ in range(2)}
        assert len(ids) == 1

    def test_a_dry_run_stores_nothing(self, command: Command) -> None:
        assert "work" in command("submit", "work", "--dry-run").stdout
        assert command("jobs", "list", "--json").stdout == ""
        wrong = command("submit", "not an actor", "--dry-run")
        assert wrong.exit_code == 2
        assert "job.spec.generic.actor" in wrong.stderr

    def test_a_duplicate_is_refused_or_found(self, command: Command) -> None:
        first = one(command("submit", "work", "--unique-key", "k", "--json"))["job_id"]
        refused = command("submit", "work", "--unique-key", "k", "--duplicates", "reject")
        assert refused.exit_code == 1
        assert first in refused.stderr
        found = command("submit", "work", "--unique-key", "k", "--duplicates", "use-existing", "--json")
        assert one(found)["job_id"] == first

    def test_watching_ends_with_the_job(self, command: Command, caller: Client) -> None:
        """The same request id gives the same job, which has ended meanwhile."""
        same = ("submit", "work", "--request-id", "r-1")
        caller.cancel_job(one(command(*same, "--json"))["job_id"])
        ended = command(*same, "--watch")
        assert ended.exit_code == 1
        assert "CANCELLED" in ended.stdout

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ((), "name an actor"),
            (("work", "--from", "-"), "name an actor"),
            (("work", "--args", "{"), "is no JSON"),
            (("work", "--args", "{}"), "must be a JSON array"),
            (("work", "--kwargs", "[]"), "must be a JSON object"),
            (("work", "--at", "soon"), "is no moment"),
            (("work", "--ttl", "5"), "is no time"),
            (("work", "--label", "blue"), "write key=value"),
            (("--from", "none.jsonl"), "cannot be read"),
        ],
    )
    def test_wrong_input_is_said_to_be_so(
        self, command: Command, arguments: tuple[str, ...], words: str
    ) -> None:
        ended = command("submit", *arguments)
        assert ended.exit_code == 2
        assert words in " ".join(ended.stderr.replace("│", " ").split())

    def test_many_come_from_lines_and_each_has_its_outcome(self, command: Command, tmp_path: Path) -> None:
        """A bad line costs itself alone; sent again with the same ids, nothing is stored twice."""
        file = tmp_path / "jobs.jsonl"
        file.write_text(
            '{"actor": "resize", "args": ["a.png"], "labels": {"n": "1"}, "request_id": "one"}\n\n'
            '{"actor": "no actor", "request_id": "two"}\n'
            '{"spec": {"generic": {"actor": "crop"}}, "priority": "LOW", "request_id": "three"}\n'
        )
        ended = command("submit", "--from", str(file), "--json")
        assert ended.exit_code == 2
        first, second, third = lines(ended)
        assert first["job"]["labels"] == {"n": "1"}
        assert (second["job"], second["error"]["reason"]) == (None, "FIELD_INVALID")
        assert (third["job"]["priority"], third["request_id"], third["error"]) == ("LOW", "three", None)
        again = lines(command("submit", "--from", str(file), "--json"))
        assert [each["job"] and each["job"]["job_id"] for each in again] == [
            each["job"] and each["job"]["job_id"] for each in (first, second, third)
        ]
        for_people = command("submit", "--from", str(file))
        assert f"{first['job']['job_id']} is PENDING" in for_people.stdout
        assert "line 2, request id two:" in for_people.stderr

    def test_a_line_that_is_no_job_is_named_and_nothing_is_sent(self, command: Command) -> None:
        for bad in ('{"actor": "a", "colour": 1}', "[1]", '{"actor": "a", "spec": {}}', "{"):
            ended = command("submit", "--from", "-", answer=f'{{"actor": "ok"}}\n{bad}\n')
            assert ended.exit_code == 2
            assert "-:2" in ended.stderr
        assert command("jobs", "list", "--json").stdout == ""


class TestLooking:
    def test_an_explanation_says_what_is_in_the_way_and_until_when(
        self, command: Command, submitted: str
    ) -> None:
        assert command("queues", "pause", "data_processing", "--until", "+10m").exit_code == 0
        told = one(command("jobs", "explain", submitted, "--json"))
        assert told["state"] == "PENDING"
        assert told["blockers"][0]["kind"] == "PAUSED"
        assert "clear_time" in told["blockers"][0]
        shown = command("jobs", "explain", submitted).stdout
        assert f"{submitted} is PENDING" in shown
        assert "1. PAUSED" in " ".join(shown.split())
        assert "in 10 min" in shown

    def test_an_explanation_of_a_final_job_is_short(
        self, command: Command, submitted: str, caller: Client
    ) -> None:
        caller.cancel_job(submitted)
        assert (
            command("jobs", "explain", submitted).stdout
            == f"{submitted} is CANCELLED: it waits for nothing.\n"
        )

    def test_attempts_tell_where_and_how_each_ended(
        self, command: Command, submitted: str, worker: BareWorker
    ) -> None:
        assert command("jobs", "attempts", submitted).stdout == "no attempts yet\n"
        worker.fail(worker.fetch(), "DISK_FULL")
        attempt = one(command("jobs", "attempts", submitted, "--json"))
        assert (attempt["outcome"], attempt["error"]["reason"]) == ("FAILED", "DISK_FULL")
        assert "DISK_FULL" in command("jobs", "attempts", submitted).stdout

    def test_logs_are_lines_and_following_ends_with_the_job(
        self, command: Command, submitted: str, worker: BareWorker
    ) -> None:
        assert command("jobs", "logs", submitted).stdout == ""
        lease = worker.fetch()
        said = [
            NewLine(lease.member, number, line_of("INFO", text, {}, at_ms=number))
            for number, text in enumerate(("opened", "opened", "closed"), 1)
        ]
        worker.run(append_log(worker.keys, said))
        worker.succeed(lease)
        shown = command("jobs", "logs", submitted).stdout.splitlines()
        assert [line.split()[-1] for line in shown] == ["opened", "opened", "closed"]
        followed = lines(command("jobs", "logs", submitted, "--follow", "--json"))
        assert [line["message"] for line in followed] == ["opened", "opened", "closed"]
        assert {line["severity"] for line in followed} == {"INFO"}

    def test_a_followed_log_tells_each_line_once_equal_ones_too(
        self, submitted: str, worker: BareWorker, caller: Client
    ) -> None:
        """Between two looks the job writes; the look after its end is the last."""
        lease = worker.fetch()
        written = iter(["a", "b b", "a b", ""])
        numbers = itertools.count(1)

        def write(_: float) -> None:
            for text in (words := next(written)).split():
                number = next(numbers)
                line = line_of("INFO", text, {}, at_ms=1)  # equal lines differ in nothing
                worker.run(append_log(worker.keys, [NewLine(lease.member, number, line)]))
            if not words:
                worker.succeed(lease)

        told = [entry.message for entry in follow_log(caller, submitted, sleep=write)]
        assert told == ["a", "b", "b", "a", "b"]

    @pytest.mark.parametrize("verb", ["get", "explain", "attempts", "logs", "watch", "cancel", "retry"])
    def test_a_missing_job_is_exit_1_and_one_line(self, command: Command, verb: str) -> None:
        ended = command("jobs", verb, NO_JOB, "--json")
        assert (ended.exit_code, ended.stdout) == (1, "")
        assert ended.stderr.startswith("error: no job ")

    def test_a_wrong_filter_is_exit_2_and_says_what_is_wrong(self, command: Command) -> None:
        ended = command("jobs", "list", "--filter", "colour = blue")
        assert ended.exit_code == 2
        assert "unknown field: use state" in ended.stderr


class TestActing:
    def test_an_update_changes_what_is_named_and_leaves_the_rest(
        self, command: Command, submitted: str, caller: Client
    ) -> None:
        ended = command(
            *("jobs", "update", submitted, "--priority", "low", "--label", "run=7", "--attempts", "9"),
            *("--at", "+1h", "--deadline", "+2h", "--expire", "+3h", "--timeout", "90s"),
        )
        assert ended.exit_code == 0, ended.output
        job = caller.get_job(submitted)
        assert (job.priority, dict(job.labels)) == (pb.Job.LOW, {"team": "blue", "run": "7"})
        assert (job.retry_policy.max_attempts, job.timeout.seconds) == (9, 90)
        assert job.schedule_time.seconds < job.deadline_time.seconds < job.expire_time.seconds

        back = ("jobs", "update", submitted, "--no-label", "team", "--at", "none", "--expire", "none")
        changed = one(command(*back, "--json"))
        assert changed["labels"] == {"run": "7"}
        assert changed["state"] == "PENDING"
        assert "expire_time" not in changed

    def test_an_update_of_nothing_or_of_a_final_job_is_refused(
        self, command: Command, submitted: str, caller: Client
    ) -> None:
        assert command("jobs", "update", submitted).exit_code == 2
        caller.cancel_job(submitted)
        ended = command("jobs", "update", submitted, "--priority", "low")
        assert ended.exit_code == 1
        assert "CANCELLED" in ended.stderr

    def test_a_retry_may_bring_another_spec(
        self, command: Command, submitted: str, caller: Client, tmp_path: Path
    ) -> None:
        caller.cancel_job(submitted)
        file = tmp_path / "spec.json"
        file.write_text('{"generic": {"actor": "work", "args": ["mended"]}}')
        assert one(command("jobs", "retry", submitted, "--spec", str(file), "--json"))["spec_revision"] == 2
        assert caller.get_job(submitted, full=True).spec.generic.args[0].string_value == "mended"
        file.write_text('{"generic": {"actor": 7}}')
        assert command("jobs", "retry", submitted, "--spec", str(file)).exit_code == 2
        file.write_text("{")
        assert command("jobs", "retry", submitted, "--spec", str(file)).exit_code == 2

    def test_what_get_prints_is_a_spec_for_a_retry(
        self, command: Command, submitted: str, caller: Client, tmp_path: Path
    ) -> None:
        caller.cancel_job(submitted)
        printed = command("jobs", "get", submitted, "--full", "--json").stdout
        assert (
            one(command("jobs", "retry", submitted, "--spec", "-", "--json", answer=printed))["job_id"]
            == submitted
        )

    def test_a_delete_asks_first(self, command: Command, submitted: str, caller: Client) -> None:
        caller.cancel_job(submitted)
        for answer in ("n\n", ""):
            ended = command("jobs", "delete", submitted, answer=answer)
            assert (ended.exit_code, "Nothing was changed" in ended.stderr) == (2, True)
        assert command("jobs", "delete", submitted, "--json").exit_code == 2  # nobody to ask
        assert command("jobs", "delete", submitted, answer="y\n").stdout == f"{submitted} is deleted.\n"
        assert command("jobs", "get", submitted).exit_code == 1

    def test_a_delete_with_yes_does_not_ask(self, command: Command, submitted: str, caller: Client) -> None:
        refused = command("jobs", "delete", submitted, "--yes")
        assert refused.exit_code == 1
        caller.cancel_job(submitted)
        deleted = one(command("jobs", "delete", submitted, "--yes", "--json"))
        assert deleted == {"job_id": submitted, "deleted": True}

    def test_one_job_or_a_filter_is_wanted(self, command: Command, submitted: str) -> None:
        for verb in ("cancel", "retry", "watch"):
            assert command("jobs", verb).exit_code == 2
            assert command("jobs", verb, submitted, "--filter", "state = FAILED").exit_code == 2
        assert command("jobs", "retry", "--filter", "state = FAILED", "--spec", "x").exit_code == 2
