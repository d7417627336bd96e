"""Sends or runs jobs with arguments in files, until it is killed: filing.py send|work URL FOLDER FIRST"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import dramatiq
import redis

from common.broker import JobBroker
from common.files.directory import DirectoryStore
from common.files.files import Files

NAMESPACE = "killed"
#: Of one job: no two jobs have the same text, but each is sent twice.
LENGTH = 120_000


def text_of(number: int) -> str:
    return f"{number:08}" + "".join(chr(97 + (number * place * place) % 25) for place in range(LENGTH))


def broker_of(url: str, folder: str) -> JobBroker:
    files = Files(DirectoryStore(Path(folder)), from_bytes=1)
    client = redis.Redis.from_url(url, protocol=2)
    broker = JobBroker(client, namespace=NAMESPACE, lease_ms=500, files=files)

    @dramatiq.actor(broker=broker, actor_name="check", max_retries=0)
    def check(text: str) -> None:
        number = int(text[:8])
        if text != text_of(number):
            raise ValueError("other arguments")
        client.sadd("seen", number)

    return broker


def main(role: str, url: str, folder: str, first: str) -> None:
    broker = broker_of(url, folder)
    if role == "work":
        dramatiq.Worker(broker, worker_threads=2, worker_timeout=50).start()
        threading.Event().wait()
    for number in range(int(first), int(first) + 10_000):
        for _ in range(2):
            broker.get_actor("check").send(text_of(number))
        broker.client.sadd("sent", number)


if __name__ == "__main__":
    main(*sys.argv[1:])
