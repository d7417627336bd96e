"""Merging pages of several queues into one list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from common.job.ids import JobId
from common.job.model import Job, RetryPolicy
from common.job.priority import Priority
from common.job.states import JobState
from common.store.jobs import Page
from scheduler.search import merge, uuid_of


def _job(queue: str, uuid: str) -> Job:
    return Job(
        job_id=JobId(f"{queue}-{uuid}"),
        queue=queue,
        state=JobState.PENDING,
        actor="a",
        job_type="GENERIC",
        tenant="default",
        priority=Priority.NORMAL,
        created_ms=0,
        updated_ms=0,
        attempt=0,
        spent=0,
        lost=0,
        retry=RetryPolicy(),
    )


def _look(queue: str, uuids: list[str], matches: set[str], below: str, want: int, look: int) -> Page:
    """Look at a queue as the store's script does."""
    seen = [uuid for uuid in sorted(uuids, reverse=True) if not below or uuid < below][:look]
    found: list[Job] = []
    for place, uuid in enumerate(seen):
        if uuid in matches:
            found.append(_job(queue, uuid))
        if len(found) == want:
            more = place + 1 < len(seen) or len(seen) == look
            return Page(found, f"{queue}-{uuid}" if more else "")
    return Page(found, f"{queue}-{seen[-1]}" if len(seen) == look else "")


@given(
    numbers=st.lists(st.integers(0, 9_999), unique=True, max_size=60),
    queues=st.integers(1, 4),
    want=st.integers(1, 9),
    look=st.integers(1, 12),
    divisor=st.integers(1, 7),
)
def test_pages_put_together_are_all_matches_newest_first(
    numbers: list[int], queues: int, want: int, look: int, divisor: int
) -> None:
    uuids = [f"{number:04}" for number in numbers]
    matches = {uuid for uuid in uuids if int(uuid) % divisor == 0}
    shares = [uuids[i::queues] for i in range(queues)]

    listed: list[str] = []
    below = ""
    for _ in range(2 * len(uuids) + 2):
        pages = [_look(f"q{i}", share, matches, below, want, look) for i, share in enumerate(shares)]
        found, below = merge(pages, want)
        assert len(found) <= want
        listed += [uuid_of(job.job_id) for job in found]
        if not below:
            break

    assert below == ""
    assert listed == sorted(matches, reverse=True)
