"""What a job costs the store: memory while it waits, round trips and script time until it is done."""

from __future__ import annotations

import os
import time
from typing import Any
from uuid import uuid4

import redis

from bothsides_stack.embedded import EmbeddedServer
from common.job.digest import request_digest
from common.job.ids import new_job_id
from common.job.model import JobRequest
from common.job.outcome import Succeed
from common.store import jobs
from common.store.keys import QueueKeys
from common.store.operation import SyncRunner
from measure.machine import Meter
from measure.report import Row, Sample, Section
from measure.starting import waits
from measure.systems import Ours

PAYLOAD_BYTES = 2_048
_QUEUE = "ai_analysis"
#: Jobs in one call of a script.
_BATCHES = {"submit": 50, "fetch": 128, "finish": 128}
#: What clients send; commandstats counts what scripts call as well. A wait is not here: an idle worker sends
#: it together with the fetch that follows it.
_SENT = ("fcall", "evalsha", "eval", "ping")


def memory(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Measure used_memory before and after jobs are queued, without their payloads."""
    # So many that the event stream, which keeps about 20,000 entries, hardly counts.
    count = int(60_000 * scale)
    client: Any = redis.Redis.from_url(server.url, protocol=2)
    rows = {with_id: Row(name) for with_id, name in ((True, "request id kept"), (False, "no request id"))}
    for _ in range(rounds):
        for with_id, row in rows.items():
            client.execute_command("FLUSHALL", "SYNC")
            before = int(client.info("memory")["used_memory"])
            _queue(client, count, with_id=with_id)
            after = int(client.info("memory")["used_memory"])
            row.samples.append(Sample((after - before) / count - PAYLOAD_BYTES))
    version = client.info("server").get("valkey_version") or client.info("server")["redis_version"]
    return Section(
        f"Memory of a queued job beyond its payload of {PAYLOAD_BYTES:,} B, no labels ({version})",
        "B",
        list(rows.values()),
        bars={"request id kept": "bar 600"},
    )


def _queue(client: Any, count: int, *, with_id: bool, size: int = 50) -> None:
    runner, keys = SyncRunner(client), QueueKeys("bothsides", _QUEUE)
    for _ in range(0, count, size):
        requests = [
            JobRequest(
                new_job_id(_QUEUE),
                _QUEUE,
                "transcript_analysis",
                os.urandom(PAYLOAD_BYTES),
                job_type="TRANSCRIPT_ANALYSIS",
                request_id=str(uuid4()) if with_id else "",
                request_digest=request_digest(os.urandom(16)) if with_id else "",
            )
            for _ in range(size)
        ]
        runner.run(jobs.submit(keys, requests))


def round_trips(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Count what clients send for each job at once, alone and in a full queue."""
    alone, full = Row("one by one"), Row("from a full queue")
    lone, batched = int(200 * scale), int(30_000 * scale)
    for _ in range(rounds):
        single = Ours("ours", server.url, 4, processes=1)
        single.client.config_resetstat()
        waits(single, lone)
        alone.samples.append(Sample(_sent(single.client) / lone))
        system = Ours("ours", server.url, 1)
        full.samples.append(Sample(_run(system, batched) / batched))
    return Section(
        "Round trips of a job: submit, wait with fetch, and finish; from a full queue without its submit",
        "each",
        [alone, full],
        bars={alone.name: "bar 3", full.name: "bar 0.2"},
    )


def scripts(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Measure the server's processor time of a job in each script, called one after the other."""
    count = int(30_000 * scale)
    client: Any = redis.Redis.from_url(server.url, protocol=2)
    rows = {name: Row(f"{name}, {size} a call") for name, size in _BATCHES.items()}
    for _ in range(rounds):
        client.execute_command("FLUSHALL", "SYNC")
        client.config_resetstat()
        for name, spent_us in _by_script(client, server.pid, count).items():
            rows[name].samples.append(Sample(spent_us))
    commands = sorted(client.info("commandstats").items(), key=lambda item: -item[1]["usec"])
    notes = [
        f"{name.removeprefix('cmdstat_'):12} {row['calls'] / count:6.2f} a job  {row['usec'] / count:6.2f} us"
        for name, row in commands[:12]
    ]
    return Section(
        "The store's processor time for a job, by script",
        "us",
        list(rows.values()),
        notes=[
            "Commands on the clock of the server, those inside scripts included, in the last round:",
            *notes,
        ],
    )


def _by_script(client: Any, pid: int, count: int) -> dict[str, float]:
    runner, keys = SyncRunner(client), QueueKeys("bothsides", _QUEUE)
    spent_us: dict[str, float] = {}
    with Meter({"store": pid}) as meter:
        _queue(client, count, with_id=True, size=_BATCHES["submit"])
    spent_us["submit"] = meter.cpu_us(count)["store"]
    leases: list[jobs.Lease] = []
    with Meter({"store": pid}) as meter:
        for number in range(1, count // _BATCHES["fetch"] + 2):
            fetched = runner.run(
                jobs.fetch(
                    keys,
                    consumer="bench",
                    number=number,
                    want=_BATCHES["fetch"],
                    lease_ms=600_000,
                    worker="bench",
                )
            )
            leases += fetched.leases
    spent_us["fetch"] = meter.cpu_us(len(leases))["store"]
    with Meter({"store": pid}) as meter:
        for start in range(0, len(leases), _BATCHES["finish"]):
            batch = leases[start : start + _BATCHES["finish"]]
            runner.run(jobs.finish(keys, [(lease.member, Succeed(None)) for lease in batch]))
    spent_us["finish"] = meter.cpu_us(len(leases))["store"]
    return spent_us


def _run(system: Ours, count: int) -> int:
    """Queue and run jobs; return the commands that workers sent."""
    system.client.flushall()
    system.fill(count)
    before, looks = _sent(system.client), 0
    with system.workers():
        while system.left() > 0:
            looks += 1
            time.sleep(0.02)
    return _sent(system.client) - before - looks - 1


def _sent(client: Any) -> int:
    stats: dict[str, Any] = client.info("commandstats")
    return sum(int(stats.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in _SENT)
