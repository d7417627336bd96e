"""Reads the events of our queue until killed; the last line says how many.

python -m measure.listener URL
"""

from __future__ import annotations

import sys
import time
from typing import Any

import redis

from common.store.events import events_of
from common.store.keys import QueueKeys
from measure.workers import QUEUE


def main() -> None:
    client: Any = redis.Redis.from_url(sys.argv[1], protocol=2)
    stream = QueueKeys("bothsides", QUEUE).events
    position: bytes | str = "$"
    count = 0
    print("ready", flush=True)
    told_s = time.monotonic()
    while True:
        for _, entries in client.xread({stream: position}, count=100, block=200) or ():
            position = entries[-1][0]
            count += sum(1 for _, entry in entries for _ in events_of(entry))
        if time.monotonic() - told_s >= 0.2:
            told_s = time.monotonic()
            print(count, flush=True)


if __name__ == "__main__":
    main()
