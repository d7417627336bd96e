"""What jobs with 1 MB of arguments take of the store and of the processor, with and without a file store."""

from __future__ import annotations

import random
import string
import tempfile
import time
from pathlib import Path
from typing import Final

import dramatiq
import redis

from bothsides_stack.embedded import EmbeddedServer
from common.files.directory import DirectoryStore
from common.files.files import Files
from common.files.filing import drive, submitting
from common.job.ids import new_job_id
from common.job.model import JobRequest
from common.store import jobs
from common.store.filed import filed_of
from common.store.keys import QueueKeys
from common.store.operation import SyncRunner
from common.store.packing import unpacked

JOBS: Final = 40
BYTES: Final = 1_000_000
ROUNDS: Final = 3
KEYS: Final = QueueKeys("bench", "payloads")
WORDS: Final = [
    "".join(random.choices(string.ascii_lowercase, k=random.randint(2, 10))) for _ in range(20_000)
]


def request(number: int) -> JobRequest:
    text = " ".join(random.Random(number).choices(WORDS, k=BYTES // 5))[:BYTES]
    message: dramatiq.Message[None] = dramatiq.Message("payloads", "work", (text,), {}, {})
    return JobRequest(new_job_id("payloads"), "payloads", "work", message.encode())


def measure(client: redis.Redis, files: Files | None) -> tuple[float, float, float, float]:
    """Return KB of the store a job, ms of this process to submit and to take one, and ms of the server."""
    client.flushall()
    runner = SyncRunner(client)
    requests = [request(number) for number in range(JOBS)]
    server_ms, used = busy_ms(client), client.info("memory")["used_memory"]
    began = time.process_time()
    for one in requests:
        if files is None:
            runner.run(jobs.submit(KEYS, [one]))
        else:
            drive(submitting(KEYS, [one], files, is_cluster=False), runner)
    submitted = time.process_time()
    grown = client.info("memory")["used_memory"] - used
    began_take = time.process_time()
    fetch = jobs.fetch(KEYS, consumer="c", number=1, want=JOBS, lease_ms=60_000, worker="w")
    for lease in runner.run(fetch).leases:
        filed = filed_of(lease.payload)
        if filed is None or files is None:
            whole = unpacked(lease.payload)
        else:
            whole = files.read(KEYS, filed, lease.tenant)
        assert len(whole) > BYTES
    taken = time.process_time() - began_take
    each = 1_000 / JOBS
    server_ms = (busy_ms(client) - server_ms) / JOBS
    return grown / JOBS / 1_000, (submitted - began) * each, taken * each, server_ms


def busy_ms(client: redis.Redis) -> float:
    told = client.info("cpu")
    return float(told["used_cpu_user"] + told["used_cpu_sys"]) * 1_000


def main() -> None:
    rows: dict[str, list[tuple[float, float, float, float]]] = {"server": [], "directory": []}
    with EmbeddedServer() as server, tempfile.TemporaryDirectory() as root:
        client = redis.Redis.from_url(server.url, protocol=2)
        files = Files(DirectoryStore(Path(root)))
        for _ in range(ROUNDS):
            rows["server"].append(measure(client, None))
            rows["directory"].append(measure(client, files))
    print(f"{JOBS} jobs of {BYTES:,} bytes of arguments, each its own; medians of {ROUNDS} rounds")
    print(f"{'':12}{'store KB':>10}{'submit ms':>11}{'take ms':>9}{'server ms':>11}")
    for name, measured in rows.items():
        middle = [sorted(column)[len(column) // 2] for column in zip(*measured, strict=True)]
        print(f"{name:12}{middle[0]:10.1f}{middle[1]:11.1f}{middle[2]:9.1f}{middle[3]:11.1f}")


if __name__ == "__main__":
    main()
