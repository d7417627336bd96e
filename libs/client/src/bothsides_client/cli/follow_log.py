"""Follow a job's log to its end: lists it again and again, and yields what is new."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from bothsides.jobs import v1 as pb
from bothsides_client.calls.watches import FINAL_STATES
from bothsides_client.client import Client

#: Between two looks.
LOOK_EVERY_S: Final = 1.0


def follow_log(
    client: Client, job_id: str, *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[pb.JobLogEntry]:
    """Yield each line once, the oldest first, until the job is final.

    A job that writes more between two looks than is kept of its log loses the lines in between, as it
    does for everyone.

    Raises:
        RequestFailed: A call failed.
    """
    seen: Counter[bytes] = Counter()
    while True:
        is_final = client.get_job(job_id).state in FINAL_STATES  # before the look, which so misses nothing
        entries = [
            (entry.SerializeToString(deterministic=True), entry)
            for entry in client.list_job_logs(job_id, page_size=500)
        ]
        new = Counter(key for key, _ in entries) - seen  # equal lines count; old ones have fallen out
        fresh: list[pb.JobLogEntry] = []
        for key, entry in reversed(entries):  # of equal lines the latest are the new ones
            if new[key]:
                new[key] -= 1
                fresh.append(entry)
        yield from reversed(fresh)
        if is_final:
            return
        seen = Counter(key for key, _ in entries)
        sleep(LOOK_EVERY_S)
