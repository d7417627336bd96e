"""`bothsides queues` against a real scheduler."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

from bothsides_client.client import Client

Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def queue(command: Command) -> str:
    """Return a queue with one job."""
    assert command("submit", "work", "--queue", "images").exit_code == 0
    return "images"


def read(ended: Result) -> Any:
    assert ended.exit_code == 0, ended.output
    (line,) = ended.stdout.splitlines()
    return json.loads(line)


def test_limits_are_set_shown_and_set_back(command: Command, caller: Client) -> None:
    ended = command(
        *("queues", "set", "images", "--concurrency", "4", "--worker-concurrency", "2"),
        *("--window", "10/60s", "--depth", "1000", "--index", "team,run", "--retry-budget", "30%/5"),
        *("--tenant", "acme:weight=2.5,concurrency=3,window=1/1s", "--tenant", "other:weight=1"),
    )
    assert ended.exit_code == 0, ended.output
    queue = caller.get_queue("images")
    assert (queue.concurrency, queue.worker_concurrency, queue.max_depth) == (4, 2, 1000)
    assert (queue.window.max_starts, queue.window.period.seconds) == (10, 60)
    assert list(queue.indexed_labels) == ["team", "run"]
    assert (round(queue.retry_budget.ratio, 6), queue.retry_budget.min_per_minute) == (0.3, 5)
    acme = queue.tenant_limits["acme"]
    assert (acme.weight, acme.concurrency, acme.window.period.seconds) == (2.5, 3, 1)

    shown = " ".join(command("queues", "get", "images").stdout.split())
    for words in ("4 at once", "10 in 60 s", "1,000 waiting", "team, run", "acme 2.5 3 1 in 1 s"):
        assert words in shown
    assert "4 at once" in command("queues", "list").stdout

    back = read(
        command(
            *("queues", "set", "images", "--concurrency", "none", "--window", "none", "--depth", "none"),
            *("--tenant", "acme:none", "--index", "none", "--json"),
        )
    )
    assert not {"concurrency", "window", "max_depth"} & set(back)
    assert (back["worker_concurrency"], back["indexed_labels"]) == (2, [])
    assert set(back["tenant_limits"]) == {"other"}


def test_a_queue_is_paused_and_resumed(command: Command) -> None:
    assert command("queues", "pause", "images").stdout == "images is PAUSED\n"
    assert "images is PAUSED until " in command("queues", "pause", "images", "--until", "+30m").stdout
    assert read(command("queues", "resume", "images", "--ramp", "5m", "--json"))["state"] == "ACTIVE"
    assert command("queues", "resume", "images").stdout == "images is ACTIVE\n"


def test_a_drained_queue_refuses_jobs_until_it_is_resumed(command: Command) -> None:
    assert "images is DRAIN" in command("queues", "drain", "images").stdout
    refused = command("submit", "work", "--queue", "images")
    assert refused.exit_code == 1
    assert "drain" in refused.stderr.lower()
    command("queues", "resume", "images")
    assert command("submit", "work", "--queue", "images").exit_code == 0


def test_queues_are_lines_of_json(command: Command) -> None:
    listed = [json.loads(line) for line in command("queues", "list", "--json").stdout.splitlines()]
    assert [each["gauges"]["pending"] for each in listed if each["name"] == "images"] == ["1"]


def test_a_queue_is_made_only_where_that_is_said(command: Command) -> None:
    refused = command("queues", "set", "brand_new", "--concurrency", "1")
    assert refused.exit_code == 1
    assert "brand_new" in refused.stderr
    made = read(command("queues", "set", "brand_new", "--concurrency", "1", "--create", "--json"))
    assert made["concurrency"] == 1


def test_retention_is_set_shown_and_set_back(command: Command, caller: Client) -> None:
    ended = command(
        *("queues", "set", "images", "--keep", "succeeded=1000/48h", "--keep", "failed=/30d"),
        *("--keep-bytes", "2GiB"),
    )
    assert ended.exit_code == 0, ended.output
    retention = caller.get_queue("images").retention
    assert (retention.succeeded.min_jobs, retention.succeeded.min_age.seconds) == (1_000, 172_800)
    assert not retention.failed.HasField("min_jobs")
    assert (retention.failed.min_age.seconds, retention.max_bytes) == (2_592_000, 2**31)

    shown = " ".join(command("queues", "get", "images").stdout.split())
    for words in ("Keeps succeeded the last 1,000 and", "Keeps failed", "0 of 2,147,483,648 bytes"):
        assert words in shown

    back = read(
        command("queues", "set", "images", "--keep", "succeeded=none", "--keep-bytes", "none", "--json")
    )
    assert set(back["retention"]) == {"failed"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name what to set"),
        (("--concurrency", "many"), "no whole number"),
        (("--concurrency", "0"), "queue.concurrency"),
        (("--window", "10"), "is no window"),
        (("--window", "10/soon"), "is no time"),
        (("--tenant", "acme"), "write such as acme:weight=2"),
        (("--tenant", "acme:colour=2"), "is none of weight"),
        (("--tenant", "acme:weight=heavy"), "is no weight"),
        (("--tenant", "acme:weight=0"), "tenant_limits"),
        (("--retry-budget", "20"), "is no budget"),
        (("--keep", "waiting=3"), "write such as succeeded=1000/48h"),
        (("--keep", "failed=3/soon"), "is no time"),
        (("--keep", "failed=/1s"), "retention.failed.min_age"),
        (("--keep-bytes", "much"), "is no size"),
    ],
)
def test_wrong_limits_are_said_to_be_so(command: Command, arguments: tuple[str, ...], words: str) -> None:
    ended = command("queues", "set", "images", *arguments)
    assert ended.exit_code == 2
    assert words in " ".join(ended.stderr.replace("│", " ").split())


def test_a_missing_queue_is_exit_1(command: Command) -> None:
    for verb in ("get", "pause", "resume", "drain"):
        ended = command("queues", verb, "nowhere")
        assert (ended.exit_code, ended.stdout) == (1, "")
        assert "nowhere" in ended.stderr
