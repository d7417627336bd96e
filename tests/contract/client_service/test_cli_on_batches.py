"""`bothsides batches`, and the client's calls of BatchService, against a real scheduler."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from bothsides.jobs import v1 as pb
from bothsides_client.async_client import AsyncClient
from bothsides_client.client import Client
from bothsides_client.errors import BatchNotFound, BatchNotRetryable
from support.scheduler import BareWorker, debate
from support.waiting import wait_until

Command = Callable[..., Result]


def read(ended: Result) -> Any:
    assert ended.exit_code == 0, ended.output
    (line,) = ended.stdout.splitlines()
    return json.loads(line)


def jobs_of(count: int) -> list[pb.Job]:
    return [pb.Job(spec=pb.JobSpec(generic=pb.GenericSpec(actor="work"))) for _ in range(count)]


def submitted(caller: Client, batch_id: str) -> None:
    wait_until(lambda: caller.get_batch(batch_id).counts.unsubmitted_count == 0)


def test_a_batch_of_jobs_goes_from_a_file_to_its_end(
    command: Command, caller: Client, worker: BareWorker, tmp_path: Path
) -> None:
    lines = tmp_path / "jobs.jsonl"
    lines.write_text('{"actor": "work", "args": [1]}\n\n{"actor": "work", "args": [2]}\n')
    options = ("--name", "nightly", "--label", "team=red", "--parallel", "5", "--may-fail", "1")
    made = read(command("batches", "create", "--from", str(lines), *options, "--json"))
    assert (made["member_count"], made["display_name"], made["labels"]) == (2, "nightly", {"team": "red"})
    batch_id = made["batch_id"]
    submitted(caller, batch_id)
    shown = command("batches", "get", batch_id).output
    for text in ("nightly", "team=red", "2 waiting", "1, then it stops", "RUNNING"):
        assert text in shown
    assert batch_id in command("batches", "list", "--filter", "labels.team = red").output
    assert "no batches" in command("batches", "list", "--filter", "state = FAILED").output

    for lease in worker.fetch_up_to(2):
        worker.succeed(lease)
    watched = command("batches", "watch", batch_id)
    assert watched.exit_code == 0, watched.output
    assert "2 of 2 ended" in watched.output
    assert "2 succeeded" in watched.output

    assert command("batches", "retry", batch_id).exit_code == 1
    assert command("batches", "delete", batch_id, answer="n\n").exit_code == 2
    assert "is being removed" in command("batches", "delete", batch_id, "--yes").output
    wait_until(lambda: not list(caller.list_batches()))
    with pytest.raises(BatchNotFound):
        caller.get_batch(batch_id)


def test_conversations_are_analysed_by_their_ids(command: Command, caller: Client, tmp_path: Path) -> None:
    for name in ("debate-1", "debate-2", "debate-3"):
        caller.put_conversation(debate(name))
    ids = tmp_path / "ids.txt"
    ids.write_text("debate-2\ndebate-3\n")
    template = '{"priority": "LOW", "spec": {"transcript_analysis": {"engine": "LOCAL"}}}'
    named = ("debate-1", "--conversations", str(ids), "--template", template)
    made = read(
        command("batches", "create", *named, "--max-cost", "0.50", "--when-spent", "refuse", "--json")
    )
    assert made["max_cost_micro_usd"] == "500000"
    submitted(caller, made["batch_id"])
    found = list(caller.list_jobs(f"batch_id = {made['batch_id']}"))
    assert {job.conversation_id for job in found} == {"debate-1", "debate-2", "debate-3"}
    assert {job.priority for job in found} == {pb.Job.LOW}
    [budget] = caller.get_budgets().budgets
    assert (budget.batch_id, budget.limit_micro_usd) == (made["batch_id"], 500_000)
    assert budget.spent_policy == pb.Budget.REFUSE

    cancelled = command("batches", "cancel", made["batch_id"])
    assert "CANCEL" in cancelled.output
    assert command("batches", "watch", made["batch_id"]).exit_code == 1
    again = read(command("batches", "retry", made["batch_id"], "--include-cancelled", "--json"))
    assert again["state"] == "RUNNING"


def test_a_dry_run_stores_nothing(command: Command, caller: Client) -> None:
    caller.put_conversation(debate("debate-1"))
    shown = command("batches", "create", "debate-1", "--dry-run").output
    assert "Planned cost" in shown
    assert not list(caller.list_batches())


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("d", "--when-spent", "cry"),
        ("d", "--may-fail", "much"),
        ("d", "--may-fail", "101%"),
        ("d", "--max-cost", "much"),
        ("d", "--template", "[]"),
        ("d", "--from", "-"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused(command: Command, words: tuple[str, ...]) -> None:
    assert command("batches", "create", *words).exit_code == 2


def test_more_jobs_than_a_call_takes_make_one_batch(caller: Client) -> None:
    made = caller.create_batch(jobs_of(2_500), request_id="large")
    assert (made.member_count, made.open) == (2_500, False)
    again = caller.create_batch(jobs_of(2_500), request_id="large")
    assert (again.batch_id, again.member_count) == (made.batch_id, 2_500)
    assert len(list(caller.list_batches())) == 1
    with pytest.raises(ValueError, match="estimated"):
        caller.create_batch(jobs_of(1_001), validate_only=True)
    with pytest.raises(ValueError, match="and not both"):
        caller.create_batch()


async def test_the_asynchronous_client_waits_for_a_batch(scheduler_addr: str, worker: BareWorker) -> None:
    async with AsyncClient(scheduler_addr) as client:
        made = await client.create_batch(jobs_of(1_001), batch=pb.Batch(display_name="two calls"))
        assert (made.member_count, made.open) == (1_001, False)
        await client.cancel_batch(made.batch_id)
        ended = await client.wait_for_batch(made.batch_id, timeout_s=60)
        assert ended.state == pb.Batch.CANCELLED
        await client.retry_batch(made.batch_id, include_cancelled=True)
        with pytest.raises(BatchNotRetryable):
            await client.retry_batch(made.batch_id)
