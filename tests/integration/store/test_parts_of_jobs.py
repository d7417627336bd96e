"""Parts of results stand with their jobs; the stream of events names them, each version can still be read."""

from __future__ import annotations

from typing import Any

import redis

from common.job.model import Content, ErrorClass, JobError, Part
from common.job.outcome import Release, Retry, Succeed
from common.store import jobs, queues
from common.store.events import PartMade, events_of
from common.store.jobs import Lease, NoPart
from support.store import Queue
from support.waiting import wait_until

ERROR = JobError(ErrorClass.TRANSIENT, "AWAY")


def keep(queue: Queue, lease: Lease, name: str, text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    part = (name, Content("text/plain", data))
    assert queue.run(jobs.progress(queue.keys, lease.member, part=part, now_ms=queue.now_ms)) == jobs.HELD


def told(queue: Queue) -> list[tuple[str, PartMade]]:
    """Return the parts that the stream tells of, each with the id of its entry."""
    entries: Any = queue.client.xrange(queue.keys.events)
    return [
        (entry_id.decode(), event)
        for entry_id, entry in entries
        for event in events_of(entry)
        if isinstance(event, PartMade)
    ]


def read(queue: Queue, entry_id: str, event: PartMade) -> Part | NoPart:
    found: Part | NoPart = queue.run(jobs.read_part(queue.keys, event.job_id, event.name, entry_id))
    return found


def texts(queue: Queue) -> list[str | NoPart]:
    """Return the parts that the stream tells of, as watchers read them."""
    parts = [read(queue, *one) for one in told(queue)]
    return [part.content.data.decode() if isinstance(part, Part) else part for part in parts]


def former(queue: Queue, job_id: str) -> int:
    return int(queue.client.hlen(f"{queue.keys.prefix}former:{job_id}"))


def server_ms(client: redis.Redis) -> int:
    seconds, microseconds = client.time()
    return int(seconds * 1_000 + microseconds // 1_000)


class TestVersions:
    def test_each_is_read_as_it_was_told_whatever_came_after_it(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        for name, text in (("tone", "warm"), ("claims", "two"), ("tone", "warmer"), ("claims", "three")):
            keep(queue, lease, name, text)
        queue.finish(lease, Retry(ERROR, 0))

        # The next attempt begins anew
        [lease] = queue.fetch()
        assert queue.snapshot(job_id).parts == ()
        keep(queue, lease, "tone", "cold\n\x00")
        queue.finish(lease, Succeed())

        assert texts(queue) == ["warm", "two", "warmer", "three", "cold\n\x00"]
        assert [part.content.data for part in queue.snapshot(job_id).parts] == [b"cold\n\x00"]
        last = read(queue, *told(queue)[-1])
        assert last == Part("tone", 2, queue.now_ms, Content("text/plain", b"cold\n\x00"))

    def test_those_of_one_batch_are_told_apart(self, client: redis.Redis) -> None:
        queue = Queue(client)
        queue.submit()
        [lease] = queue.fetch()
        reports = [
            jobs.Report(lease.member, part=("tone", Content("text/plain", text.encode())))
            for text in ("one", "two", "three")
        ]
        assert queue.run(jobs.tell(queue.keys, reports)) == [jobs.HELD] * 3
        assert texts(queue) == ["one", "two", "three"]

    def test_they_go_with_their_job_and_leave_no_content(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        keep(queue, lease, "tone", "secret one")
        keep(queue, lease, "tone", "secret two")
        queue.finish(lease, Release(0))
        [lease] = queue.fetch()
        keep(queue, lease, "tone", "secret three")
        queue.finish(lease, Succeed())
        assert queue.delete(job_id).done

        assert texts(queue) == [NoPart.NO_JOB] * 3
        client.config_set("rdbcompression", "no")
        dumped: Any = {key: client.dump(key) for key in client.scan_iter()}
        assert [key for key, value in dumped.items() if b"secret" in value] == []
        # The sweep forgets in its time that there was something
        client.xtrim(queue.keys.events, maxlen=0)
        queue.run(queues.sweep(queue.keys))
        assert not client.exists(f"{queue.keys.prefix}former")


class TestRoom:
    def test_a_version_that_gave_way_goes_with_its_event(self, client: redis.Redis) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        for number in range(4):
            keep(queue, lease, "tone", f"{number}")
            # An event is known to be gone by its millisecond
            wait_until(lambda: server_ms(client) > int(told(queue)[-1][0].partition("-")[0]))
        assert former(queue, job_id) == 3
        client.xtrim(queue.keys.events, minid=told(queue)[-2][0], approximate=False)

        queue.run(queues.sweep(queue.keys))
        assert former(queue, job_id) == client.zcard(f"{queue.keys.prefix}former") == 1
        assert texts(queue) == ["2", "3"]

    def test_large_parts_that_give_way_again_and_again_do_not_fill_the_server(
        self, client: redis.Redis
    ) -> None:
        queue = Queue(client)
        job_id = queue.submit()
        [lease] = queue.fetch()
        for _ in range(600):
            keep(queue, lease, "arguments", bytes(140_000))
        assert former(queue, job_id) == 500
        assert texts(queue)[:99] == [NoPart.GAVE_WAY] * 99
        assert texts(queue)[-1] == "\x00" * 140_000
