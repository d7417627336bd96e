"""Files of large arguments: held by jobs, gone after the last of them, and never from under a new one."""

from __future__ import annotations

import base64
import random
from dataclasses import replace
from pathlib import Path

import dramatiq
import pytest
import redis

from common.errors import FileStoreUnavailable
from common.files.content import FileDamaged, OtherKey
from common.files.files import Files, path_of
from common.files.filing import drive, retrying
from common.files.store import FileMissing
from common.job.model import ErrorClass, JobError
from common.job.outcome import Fail, Retry, Succeed
from common.store import jobs, queues
from common.store.filed import Filed, FileName, filed_of
from common.store.packing import Packer
from support.files import files_in, mode_of, stored, submit_all_filed, submit_filed, taken_away
from support.store import Queue

ERROR = JobError(ErrorClass.BUG, "TEST")
TEXT = "".join(random.Random(1).choices("abcdefgh ", k=300_000))
OTHER = "".join(random.Random(2).choices("abcdefgh ", k=300_000))
KEY = base64.b64encode(bytes(range(32))).decode()
#: After this (ms) no new job may hold a file that none holds; after that such a file may be removed.
NEW_MS, KEPT_MS = 600_000, 900_000


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return files_in(tmp_path)


def queue_on(client: redis.Redis) -> Queue:
    """Return a queue whose clock, which files are named by, is the test's from the beginning."""
    queue = Queue(client)
    queue.run(jobs.name_files(queue.keys, [], now_ms=queue.now_ms))
    return queue


def message(text: str, number: int = 0) -> bytes:
    return dramatiq.Message("q", "work", (text,), {"n": 1}, {"tenant": "a"}, f"id-{number}", number).encode()


def filed_in(payload: bytes) -> Filed:
    filed = filed_of(payload)
    assert filed is not None
    return filed


def end_and_delete(queue: Queue, job_id: str) -> None:
    [lease] = queue.fetch()
    assert lease.job_id == job_id
    queue.finish(lease, Succeed())
    assert queue.delete(job_id).done


def due(queue: Queue, *, most: int = 100, list_every_ms: int = 3_600_000) -> jobs.Due:
    found: jobs.Due = queue.run(
        jobs.take_due(queue.keys, most, list_every_ms=list_every_ms, now_ms=queue.now_ms)
    )
    return found


def leftovers(client: redis.Redis, queue: Queue) -> list[bytes | str]:
    """Return what the server knows of files that jobs hold."""
    return [
        key for name in ("file:*", "filers:*", "files") for key in client.keys(f"{queue.keys.prefix}{name}")
    ]


def test_jobs_of_one_content_hold_one_file(client: redis.Redis, files: Files, tmp_path: Path) -> None:
    queue = queue_on(client)
    ids = [submit_filed(queue, files, payload=message(TEXT, number)) for number in range(5)]
    [path] = stored(tmp_path)
    assert client.scard(f"{queue.keys.prefix}filers:{path.name.split('-')[0]}") == 5
    # The server has the reference only, and what is in the file is as it was.
    assert all(client.strlen(queue.keys.job(job_id)) < 600 for job_id in ids)
    for number, lease in enumerate(queue.fetch(5)):
        assert lease.version == 3
        filed = filed_in(lease.payload)
        assert path == tmp_path / path_of(queue.keys, filed.name)
        assert files.read(queue.keys, filed, "default") == message(TEXT, number)


def test_files_are_private_and_hold_no_text_if_there_is_a_key(client: redis.Redis, tmp_path: Path) -> None:
    queue = queue_on(client)
    sealing = files_in(tmp_path, key=KEY)
    submit_filed(queue, sealing, payload=message(TEXT))
    [path] = stored(tmp_path)
    assert mode_of(path) == 0o600
    assert {mode_of(folder) for folder in path.parents if folder.is_relative_to(tmp_path / "test")} == {0o700}
    filed = filed_in(queue.fetch()[0].payload)
    assert sealing.read(queue.keys, filed, "default") == message(TEXT)
    # Others cannot open it, and a byte that was changed is noticed.
    other = base64.b64encode(bytes(32)).decode()
    for stranger in (files_in(tmp_path), files_in(tmp_path, key=other)):
        with pytest.raises(OtherKey):
            stranger.read(queue.keys, filed, "default")
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileDamaged):
        sealing.read(queue.keys, filed, "default")


def test_tenants_share_no_file_and_neither_opens_the_others(
    client: redis.Redis, files: Files, tmp_path: Path
) -> None:
    queue = queue_on(client)
    for tenant in ("a", "b"):
        submit_filed(queue, files, payload=message(TEXT), tenant=tenant)
    assert len(stored(tmp_path)) == 2
    lease = next(lease for lease in queue.fetch(2) if lease.tenant == "a")
    with pytest.raises(FileDamaged):
        files.read(queue.keys, filed_in(lease.payload), "b")


def test_what_is_below_the_threshold_stays_in_the_server(client: redis.Redis, tmp_path: Path) -> None:
    queue = queue_on(client)
    files = files_in(tmp_path, from_bytes=10_000)
    told = submit_all_filed(
        queue,
        files,
        [queue.request(payload=payload) for payload in (b"{}", message("x" * 200_000), message(TEXT))],
    )
    assert all(isinstance(one, jobs.Accepted) for one in told)
    assert [lease.version for lease in queue.fetch(3)] == [1, 2, 3]
    assert len(stored(tmp_path)) == 1


def test_a_file_goes_after_its_last_job_and_not_sooner(
    client: redis.Redis, files: Files, tmp_path: Path
) -> None:
    queue = queue_on(client)
    ids = [submit_filed(queue, files, payload=message(TEXT, number)) for number in range(2)]
    name = filed_in(queue.snapshot(ids[0]).payload).name
    queue.now_ms += 2 * KEPT_MS
    end_and_delete(queue, ids[0])
    assert due(queue).names == []
    end_and_delete(queue, ids[1])
    assert leftovers(client, queue) == []
    # A server that took over may know of the job again, for a moment.
    assert due(queue).names == []
    queue.now_ms += 60_001
    assert due(queue).names == [name]
    assert due(queue).names == []  # it was given to one who removes it
    queue.now_ms += 120_001
    assert due(queue).names == [name]  # who died over it, it seems
    files.remove(queue.keys, [name])
    assert queue.run(jobs.note_gone(queue.keys, [name])) == 1
    assert stored(tmp_path) == []


def test_a_young_file_stays_for_who_was_told_to_use_it(client: redis.Redis, files: Files) -> None:
    """A sender that looked it up may be on its way, and is taken, until no new job may hold it."""
    queue = queue_on(client)
    end_and_delete(queue, submit_filed(queue, files, payload=message(TEXT)))
    [named] = queue.run(jobs.name_files(queue.keys, ["0" * 64], now_ms=queue.now_ms))
    apart = Packer().take_apart(message(TEXT), "default")
    assert apart is not None
    late = Filed.of(apart, named.name.made_ms).message
    queue.now_ms += NEW_MS - 1
    assert due(queue).names == []
    [told] = queue.run(jobs.submit(queue.keys, [queue.request()], messages=[late], now_ms=queue.now_ms))
    assert isinstance(told, jobs.Accepted)
    queue.now_ms += KEPT_MS
    assert due(queue).names == []
    assert len(queue.fetch(2)) == 1


def test_a_file_that_may_be_gone_is_written_anew(client: redis.Redis, files: Files, tmp_path: Path) -> None:
    queue = queue_on(client)
    job_id = submit_filed(queue, files, payload=message(TEXT))
    late = queue.snapshot(job_id).payload
    end_and_delete(queue, job_id)
    queue.now_ms += NEW_MS
    request = queue.request(payload=message(TEXT))
    [told] = queue.run(jobs.submit(queue.keys, [request], messages=[late], now_ms=queue.now_ms))
    assert isinstance(told, jobs.FileTooOld)
    # The whole way round it gets another file: who is late with removing the first one does not touch it.
    again = submit_filed(queue, files, payload=message(TEXT))
    first, second = filed_in(late).name, filed_in(queue.snapshot(again).payload).name
    assert (first.digest, first != second) == (second.digest, True)
    queue.now_ms += KEPT_MS
    assert due(queue).names == [first]
    files.remove(queue.keys, [first])
    assert [path.name for path in stored(tmp_path)] == [str(second)]


def test_two_senders_at_once_hold_one_of_their_files(client: redis.Redis, files: Files) -> None:
    """Each was told another name, as neither job was there; the second one's file goes again."""
    queue = queue_on(client)
    first = submit_filed(queue, files, payload=message(TEXT))
    held = filed_in(queue.snapshot(first).payload)
    other = replace(held, name=FileName(held.name.digest, held.name.made_ms + 5))
    request = queue.request()
    queue.run(jobs.submit(queue.keys, [request], messages=[other.message], now_ms=queue.now_ms))
    assert filed_in(queue.snapshot(request.job_id).payload) == held
    queue.now_ms += KEPT_MS + 5
    assert due(queue).names == [other.name]


@pytest.mark.parametrize("refused_by", ["depth", "draining", "request id"])
def test_the_file_of_a_job_that_was_not_taken_goes(
    client: redis.Redis, files: Files, tmp_path: Path, refused_by: str
) -> None:
    queue = queue_on(client)
    queue.submit(request_id="once", request_digest="a" * 12)
    if refused_by != "request id":
        queue.configure(**{refused_by: "1"})
    fields = {"request_id": "once", "request_digest": "b" * 12} if refused_by == "request id" else {}
    request = queue.request(payload=message(TEXT), **fields)
    [told] = submit_all_filed(queue, files, [request])
    assert not isinstance(told, jobs.Accepted)
    [path] = stored(tmp_path)
    queue.now_ms += KEPT_MS
    assert [str(name) for name in due(queue).names] == [path.name]
    assert leftovers(client, queue) == []


def test_a_repeated_submit_holds_once(client: redis.Redis, files: Files) -> None:
    queue = queue_on(client)
    request = queue.request(payload=message(TEXT))
    for _ in range(2):
        submit_all_filed(queue, files, [request])
    end_and_delete(queue, request.job_id)
    assert leftovers(client, queue) == []


def test_a_retry_with_another_spec_holds_both_files(client: redis.Redis, files: Files) -> None:
    queue = queue_on(client)
    job_id = submit_filed(queue, files, payload=message(TEXT))
    queue.finish(queue.fetch()[0], Fail(ERROR))
    steps = retrying(queue.keys, job_id, "default", message(OTHER), files)
    assert drive(steps, queue).done  # type: ignore[arg-type]  # it runs operations
    snapshot = queue.snapshot(job_id)
    read = [
        files.read(queue.keys, filed_in(payload), "default")
        for payload in (*snapshot.former, snapshot.payload)
    ]
    assert read == [message(TEXT), message(OTHER)]
    end_and_delete(queue, job_id)
    assert leftovers(client, queue) == []


def test_an_attempt_that_changes_its_message_keeps_the_file(client: redis.Redis, files: Files) -> None:
    queue = queue_on(client)
    job_id = submit_filed(queue, files, payload=message(TEXT, 1))
    [lease] = queue.fetch()
    apart = Packer().take_apart(message(TEXT, 2), "default")
    assert apart is not None
    again = Filed.of(apart, filed_in(lease.payload).name.made_ms).message
    queue.finish(lease, Retry(ERROR, 0, payload=again))
    assert queue.snapshot(job_id).payload == again
    queue.run(queues.sweep(queue.keys, now_ms=queue.now_ms))
    end_and_delete(queue, job_id)
    assert leftovers(client, queue) == []


def test_a_job_may_go_from_a_file_to_the_server_and_back(client: redis.Redis, files: Files) -> None:
    queue = queue_on(client)
    job_id = submit_filed(queue, files, payload=message(TEXT))
    filed = queue.snapshot(job_id).payload
    for payload, version in ((Packer().pack(message(TEXT), "default"), 2), (filed, 3), (b"small", 3)):
        [lease] = queue.fetch()
        queue.finish(lease, Retry(ERROR, 0, payload=payload))
        queue.run(queues.sweep(queue.keys, now_ms=queue.now_ms))
        record = client.get(queue.keys.job(job_id))
        assert isinstance(record, bytes)
        assert record.startswith(b"%d\t" % version)
    assert queue.snapshot(job_id).payload == b"small"
    assert leftovers(client, queue) == []
    assert client.keys(f"{queue.keys.prefix}blob:*") == []


def test_what_an_older_version_leaves_is_swept(client: redis.Redis, files: Files) -> None:
    """It removes a job without letting go of its file."""
    queue = queue_on(client)
    job_id = submit_filed(queue, files, payload=message(TEXT))
    client.delete(queue.keys.job(job_id))
    queue.now_ms += KEPT_MS
    queue.run(queues.sweep(queue.keys, now_ms=queue.now_ms))
    queue.now_ms += 60_001
    assert len(due(queue).names) == 1


def test_a_file_that_nobody_knows_of_is_found(client: redis.Redis, files: Files) -> None:
    """A sender died between its file and its submit; and a job holds another file."""
    queue = queue_on(client)
    submit_filed(queue, files, payload=message(OTHER))
    [named] = queue.run(jobs.name_files(queue.keys, ["ab" * 32], now_ms=queue.now_ms))
    files.write(queue.keys, named.name, b"small", look=False)
    [page] = list(files.names(queue.keys))
    assert named.name in page
    assert len(page) == 2
    # Not while its sender may still come,
    queue.now_ms += KEPT_MS - 1
    assert queue.run(jobs.strays(queue.keys, page, now_ms=queue.now_ms)) == []
    # and one replica looks, once in a while.
    queue.now_ms += 1
    assert [due(queue).lists, due(queue).lists] == [True, False]
    assert queue.run(jobs.strays(queue.keys, page, now_ms=queue.now_ms)) == [named.name]


def test_a_file_that_was_lost_is_written_again_with_the_next_job(
    client: redis.Redis, files: Files, tmp_path: Path
) -> None:
    queue = queue_on(client)
    first = submit_filed(queue, files, payload=message(TEXT))
    [path] = stored(tmp_path)
    path.unlink()
    filed = filed_in(queue.snapshot(first).payload)
    with pytest.raises(FileMissing):
        files.read(queue.keys, filed, "default")
    submit_filed(queue, files, payload=message(TEXT))
    assert files.read(queue.keys, filed, "default") == message(TEXT)


def test_a_store_that_is_away_costs_only_the_jobs_that_need_it(
    client: redis.Redis, files: Files, tmp_path: Path
) -> None:
    queue = queue_on(client)
    requests = [queue.request(payload=payload) for payload in (b"{}", message(TEXT), b"{}")]
    with taken_away(tmp_path):
        told = submit_all_filed(queue, files, requests)
    assert isinstance(told[1], FileStoreUnavailable)
    assert [isinstance(one, jobs.Accepted) for one in told] == [True, False, True]
    assert "abcdefgh" not in str(told[1])


@pytest.mark.parametrize(
    "payload",
    [
        b"\x80\x05pickled" + random.Random(3).randbytes(100_000),
        # What looks filed and is not.
        b"\x01file " + b"0" * 64 + b" 5 0 0 7\n",
        b"\x01file " + random.Random(3).randbytes(100_000),
    ],
)
def test_any_bytes_come_back_as_they_were(client: redis.Redis, tmp_path: Path, payload: bytes) -> None:
    queue = queue_on(client)
    files = files_in(tmp_path, from_bytes=1)
    submit_filed(queue, files, payload=payload)
    [lease] = queue.fetch()
    assert files.read(queue.keys, filed_in(lease.payload), "default") == payload
