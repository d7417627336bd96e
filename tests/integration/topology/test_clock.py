"""Time does not run backwards in a queue when a replica with a slower clock is promoted."""

from __future__ import annotations

from pathlib import Path

from common.job.outcome import Succeed
from common.job.states import JobState
from common.store.events import StateChanged, events_of
from support.store import Queue
from support.topology import server
from support.waiting import wait_until

#: How far the second server's clock is behind the first one's (ms).
BEHIND_MS = 3_600_000


def test_a_promoted_server_whose_clock_is_behind_ends_no_lease_and_turns_no_order(tmp_path: Path) -> None:
    with (
        server(tmp_path / "first") as first,
        server(tmp_path / "second", {"replicaof": f"127.0.0.1 {first.port}"}) as second,
        first.client() as ahead,
        second.client() as behind,
    ):
        # Given a leased job, one that waits for its time, and a replica that has them
        queue = Queue(ahead)
        leased, later = queue.submit(), queue.submit(delay_ms=10_000)
        [lease] = queue.fetch()
        seen_ms = queue.now_ms
        wait_until(lambda: behind.exists(queue.keys.job(later)))
        wait_until(lambda: behind.zscore(queue.keys.prefix + "leases", lease.member))

        # When the first is gone, and the second, an hour behind, is promoted
        first.kill()
        behind.replicaof("NO", "ONE")
        promoted = Queue(behind, now_ms=seen_ms - BEHIND_MS)

        # Then time stands still until that clock has caught up: nothing is early, nothing is lost
        looked = promoted.look(5, number=77)
        assert (looked.leases, looked.now_ms) == ([], seen_ms)
        assert promoted.renew(lease) == 1
        assert promoted.finish(lease, Succeed()) is JobState.SUCCEEDED
        promoted.now_ms = seen_ms + 10_000
        assert [one.job_id for one in promoted.fetch(5, number=78)] == [later]

        # And every event came after its cause
        entries = behind.xrange(queue.keys.events)
        events = [event for _, fields in entries for event in events_of(fields)]
        changes = [event for event in events if isinstance(event, StateChanged)]
        assert [event.at_ms for event in changes] == sorted(event.at_ms for event in changes)
        job = promoted.job(leased)
        assert job.created_ms <= (job.started_ms or 0) <= (job.ended_ms or 0)
