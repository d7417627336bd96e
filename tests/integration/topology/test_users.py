"""The users of docs/operations.md: the services run as them, and each may do no more than that."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Final

import pytest
import redis

from bothsides.jobs import v1 as pb
from common.store.scripts import script
from support.places import Place
from support.scheduler import Served, debate, serving
from support.services import call, monitoring
from support.topology import Server, server
from support.waiting import wait_until_async
from support.worker_program import worker_program

DOCS: Final = Path(__file__).parents[3] / "docs" / "operations.md"
SERVICES: Final = ("scheduler", "worker", "monitor")
#: What each service runs.
SCRIPTS: Final = {
    "scheduler": "submit bind fence cancel retry update delete configure get list explain attempts logs "
    "declare declared keep kept missing records stats provider_configure budget_configure provider_forget "
    "erase erased erasure_plan erasure_due forget sweep insights_noted part ends_take ends_done "
    "batch_create batch_get batch_list batch_take batch_step batch_apply batch_halt batch_again batch_delete "
    "batch_plan batch_forget batch_stop batch_retry batch_drop batch_running admit filed files_due "
    "files_gone files_strays accounts_due accounts_write budget_close",
    "worker": "fetch finish renew progress log checkpoint restore report declare submit bind fence outbox "
    "outbox_done kept keep_of_job stats configure provider_reserve provider_settle provider_release "
    "provider_renew budget_reserve budget_settle placeholders_kept placeholders_keep answers_note "
    "insights_note provider_forget filed",
}
#: It only reads, so that of what these include it needs what reads.
MONITOR_SCRIPTS: Final = "declared reports stats"
#: Run by tests alone.
NOBODYS: Final = "flush"
#: What every service sends beside scripts, and what each does.
EACH: Final = "auth client|setinfo client|setname eval evalsha exists fcall hello info ping select"
BESIDE: Final = {
    "scheduler": "function|delete function|list function|load "
    "hget hsetnx set waitaof xrange xread xrevrange zcount",
    "worker": "blpop set subscribe unsubscribe waitaof",
}


def rules() -> dict[str, list[str]]:
    """Return the rules of each user, as the page has them."""
    lines = re.findall(r"^user (\w+) (.*)$", DOCS.read_text(), flags=re.M)
    return {name: rule.split() for name, rule in lines}


def granted(name: str) -> set[str]:
    return {rule[1:] for rule in rules()[name] if rule.startswith("+")}


def commands_of(scripts: str) -> set[str]:
    """Return the commands in the sources of some scripts, whether a call reaches them or not."""
    sources = [re.sub(r"--[^\n]*", "", script(name).source) for name in scripts.split()]
    found = re.findall(r"(?:redis\.p?call|in_slices)\(\s*'(MEMORY', 'USAGE|[A-Z]+)'", "\n".join(sources))
    return {command.replace("', '", "|").lower() for command in found}


def operator_of(one: Server) -> redis.Redis:
    return one.client(password="operator")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server that knows the users, and nobody else but the test."""
    with server(tmp_path / "own", {"requirepass": "operator"}) as one, operator_of(one) as client:
        for name, rule in rules().items():
            if name in SERVICES:
                client.execute_command("ACL", "SETUSER", name, *rule)
        yield one


def place_of(own: Server, user: str) -> Place:
    password = f"{user.upper()}_PASSWORD"
    variables = {"REDIS_URL": own.url, "REDIS_USERNAME": user, "REDIS_PASSWORD": password}
    return Place(user, variables, (own,))


@pytest.mark.parametrize("service", ["scheduler", "worker"])
def test_a_user_may_send_what_its_scripts_hold_and_nothing_else(service: str) -> None:
    expected = commands_of(SCRIPTS[service]) | set(EACH.split()) | set(BESIDE[service].split())
    assert granted(service) == expected


def test_every_script_is_some_services() -> None:
    """So that none is forgotten when users are given what they need."""
    folder = resources.files("common.store").joinpath("lua")
    names = {path.name.removesuffix(".lua") for path in folder.iterdir() if path.name.endswith(".lua")}
    whole = {name for name in names if script(name).source.startswith("#!")}
    assert whole == set(" ".join([*SCRIPTS.values(), MONITOR_SCRIPTS, NOBODYS]).split())


def test_the_monitors_user_may_read_what_its_scripts_read_and_write_nothing(own: Server) -> None:
    with operator_of(own) as client:
        reading = {name.decode() for name in client.execute_command("ACL", "CAT", "read")} | {"time"}
    assert granted("monitor") == set(EACH.split()) | (commands_of(MONITOR_SCRIPTS) & reading)


@pytest.mark.parametrize("user", SERVICES)
def test_nobody_may_what_nobody_needs(own: Server, user: str) -> None:
    refused = [
        ("KEYS", "*"),
        ("FLUSHALL",),
        ("CONFIG", "GET", "requirepass"),
        ("ACL", "LIST"),
        ("SCAN", "0"),
        ("DEBUG", "SLEEP", "0"),
        ("EVALSHA", "0" * 40, "1", "{another:queue}:jobs"),
        ("EVALSHA", "0" * 40, "1", "{bothsides2:queue}:jobs"),
        ("FCALL", "f", "1", "{another:queue}:jobs"),
        *([] if user == "scheduler" else [("FUNCTION", "LOAD", "x"), ("FUNCTION", "DELETE", "x")]),
    ]
    with operator_of(own) as client:
        allowed = client.execute_command(
            "ACL", "DRYRUN", user, "EVALSHA", "0" * 40, "1", "{bothsides:q}:jobs"
        )
        assert allowed == b"OK"
        for command in refused:
            assert client.execute_command("ACL", "DRYRUN", user, *command) != b"OK", command


async def test_the_services_run_as_their_users(own: Server, tmp_path: Path) -> None:
    async with (
        serving({**place_of(own, "scheduler").variables, "STORE_DURABILITY": "always"}) as scheduler,
        monitoring(place_of(own, "monitor")) as monitor,
    ):
        await scheduler.create(call("multiply", 1, 1))

        async def waits() -> bool:
            """Whether the monitor has met a job that waits, for which it reads more."""
            health = await monitor.GetHealth(pb.GetHealthRequest())
            return any(queue.pending for queue in health.queues)

        await wait_until_async(waits)
        running = worker_program(
            place_of(own, "worker").variables,
            tmp_path,
            JOB_LEASE_MS="500",
            WORKER_ACTOR_MODULES="support.worker_actors",
            WORKER_QUEUES="data_processing",
        )
        worker = await asyncio.to_thread(running.__enter__)
        try:
            await _use_everything(scheduler, tmp_path / "gate")

            async def seen() -> bool:
                health = await monitor.GetHealth(pb.GetHealthRequest())
                return bool(health.worker_count == 1 and health.queues)

            await wait_until_async(seen)
        finally:
            worker.terminate()
            await asyncio.to_thread(running.__exit__, None, None, None)
    with operator_of(own) as client:
        log: list[Any] = client.acl_log()
        refused = {(entry["username"], entry["reason"], entry["object"]) for entry in log}
        # Who meets a missing function before the scheduler has loaded it tries to, once.
        assert refused <= {(user, "command", "function|load") for user in ("worker", "monitor")}


async def _use_everything(scheduler: Served, gate: Path) -> None:
    """Create, watch, list, cancel, retry, and put and read a conversation."""
    await scheduler.conversations.PutConversation(pb.PutConversationRequest(conversation=debate()))
    await scheduler.conversations.ListConversations(pb.ListConversationsRequest())
    done = await scheduler.create(call("multiply", 6, 7))
    told = [message async for message in scheduler.watch(done.job_id)]
    assert told[-1].snapshot.state == pb.Job.SUCCEEDED

    held = await scheduler.create(call("wait_for_gate", str(gate)))
    messages = aiter(scheduler.watch(held.job_id))
    while True:
        message = await anext(messages)
        if message.HasField("progress") or message.snapshot.HasField("progress"):
            break
    await scheduler.jobs.CancelJob(pb.CancelJobRequest(job_id=held.job_id))
    told = [message async for message in messages]
    assert told[-1].snapshot.state == pb.Job.CANCELLED
    await asyncio.to_thread(gate.touch)
    await scheduler.jobs.RetryJob(pb.RetryJobRequest(job_id=held.job_id))
    told = [message async for message in scheduler.watch(held.job_id)]
    assert told[-1].snapshot.state == pb.Job.SUCCEEDED
    page = await scheduler.jobs.ListJobs(pb.ListJobsRequest())
    assert {job.job_id for job in page.jobs} >= {done.job_id, held.job_id}
    erased = pb.DeleteConversationRequest(conversation_id=debate().conversation_id, delete_jobs=True)
    await scheduler.conversations.DeleteConversation(erased)
    await scheduler.jobs.ListAttempts(pb.ListAttemptsRequest(job_id=held.job_id))
