"""CreateJob beside a bare echo of the same message sizes, and CreateJobs in bulk, from one client process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import redis

from bothsides.jobs import v1 as pb
from bothsides_stack.embedded import EmbeddedServer
from measure.calls import CREATE_JOB, CREATE_JOBS, bulk, call, generic_job
from measure.machine import Meter
from measure.programs import scheduler, serving
from measure.report import Ratio, Sample, Section, in_turn

#: Text in a job's one argument: with all the rest a request of about 1 KB.
_TEXT = "x" * 900
_AT_ONCE = 32
_BULKS_AT_ONCE = 4


def unary(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Measure CreateJob and the echo with the same client, 32 calls at once."""
    make = partial(generic_job, _TEXT)
    with scheduler(server.url) as (address, pid):
        answers = call(address, CREATE_JOB, make, calls=200, at_once=_AT_ONCE)
        sizes = len(make().SerializeToString()), len(answers[0])
        calls = int(8_000 * scale)
        with _echo(sizes[1]) as (plain, plain_pid), _echo(sizes[1], "uvloop") as (same, same_pid):
            rows = in_turn(
                rounds,
                {
                    "echo": lambda: _calls(plain, {"server": plain_pid}, make, calls),
                    "echo on uvloop": lambda: _calls(same, {"server": same_pid}, make, calls),
                    "CreateJob": lambda: _calls(
                        address, {"server": pid, "store": server.pid}, make, calls, server
                    ),
                },
            )
    ours = rows["CreateJob"]
    return Section(
        f"CreateJob and a bare echo: {sizes[0]} B in, {sizes[1]} B out, {_AT_ONCE} calls at once",
        "calls/s",
        list(rows.values()),
        [
            Ratio("CreateJob / echo", ours, rows["echo"], "bar 0.60"),
            Ratio(
                "CreateJob / echo, the same loop", ours, rows["echo on uvloop"], "uvloop, as the scheduler"
            ),
        ],
    )


def _echo(size: int, *loop: str) -> AbstractContextManager[tuple[str, int]]:
    return serving([sys.executable, "-m", "measure.echo", str(size), *loop], {})


def _calls(
    address: str,
    pids: dict[str, int],
    make: Callable[[], pb.CreateJobRequest],
    calls: int,
    server: EmbeddedServer | None = None,
) -> Sample:
    if server is not None:
        redis.Redis.from_url(server.url).flushall()
    with Meter({"client": os.getpid(), **pids}) as meter:
        call(address, CREATE_JOB, make, calls=calls, at_once=_AT_ONCE)
    return Sample(calls / meter.elapsed_s, meter.cpu_us(calls))


def in_bulk(server: EmbeddedServer, rounds: int, scale: float) -> Section:
    """Measure CreateJobs at 100 and at 1,000 jobs a call, four calls at once."""
    with scheduler(server.url) as (address, pid):
        _jobs(server, address, pid, 100, 400)
        rows = in_turn(
            rounds,
            {
                f"{size:,} a call": partial(_jobs, server, address, pid, size, int(40_000 * scale))
                for size in (100, 1_000)
            },
        )
    bar = "bar 10,000, aim 15,000"
    return Section(
        f"CreateJobs with request ids, one client process, {_BULKS_AT_ONCE} calls at once",
        "jobs/s",
        list(rows.values()),
        bars=dict.fromkeys(rows, bar),
    )


def _jobs(server: EmbeddedServer, address: str, pid: int, size: int, jobs: int) -> Sample:
    redis.Redis.from_url(server.url).flushall()
    with Meter({"client": os.getpid(), "scheduler": pid, "store": server.pid}) as meter:
        call(
            address,
            CREATE_JOBS,
            lambda: bulk(partial(generic_job, "number"), size),
            calls=jobs // size,
            at_once=_BULKS_AT_ONCE,
        )
    return Sample(jobs / meter.elapsed_s, meter.cpu_us(jobs))
