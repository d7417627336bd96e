"""A scheduler with a file store: large arguments go there, come back, and are removed after their jobs."""

from __future__ import annotations

import base64
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import grpc
import pytest
import redis
from google.protobuf.struct_pb2 import Value

from bothsides.jobs import v1 as pb
from common.errors import FileStoreUnavailable
from common.files.files import FROM_BYTES, Files
from common.job.outcome import Succeed
from common.store import jobs
from common.store.filed import filed_of
from common.store.keys import QueueKeys
from common.store.operation import AsyncRunner
from scheduler.file_sweeper import FileSweeper
from support.files import files_in, stored, taken_away
from support.s3 import s3_server
from support.scheduler import BareWorker, Served, refusal, serving
from support.waiting import wait_until_async
from support.worker_program import worker_program

#: They stay larger than the threshold when they are compressed.
TEXT = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz ", k=3 * FROM_BYTES))
OTHER = TEXT[::-1]
KEPT_MS = 900_000


def job(*args: str, request_id: str = "") -> pb.CreateJobRequest:
    spec = pb.GenericSpec(actor="work", args=[Value(string_value=arg) for arg in args])
    return pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(generic=spec)), request_id=request_id)


def texts(spec: pb.JobSpec) -> list[str]:
    return [value.string_value for value in spec.generic.args]


async def read(served: Served, job_id: str) -> pb.Job:
    return await served.jobs.GetJob(pb.GetJobRequest(job_id=job_id, view=pb.JOB_VIEW_FULL))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


@pytest.fixture
def files(root: Path) -> Iterator[Files]:
    made = files_in(root)
    yield made
    made.close()


@pytest.fixture
def variables(valkey: str, root: Path) -> dict[str, str]:
    return {"REDIS_URL": valkey, "JOB_PAYLOAD_STORE_URL": root.as_uri()}


@pytest.fixture
async def served(variables: dict[str, str]) -> AsyncIterator[Served]:
    async with serving(variables) as up:
        yield up


@pytest.fixture
async def runner(valkey: str) -> AsyncIterator[AsyncRunner]:
    async with redis.asyncio.Redis.from_url(valkey, protocol=2) as client:
        yield AsyncRunner(client)


async def test_large_arguments_go_to_a_file_and_come_back(
    served: Served, client: redis.Redis, root: Path
) -> None:
    made = await served.create(job(TEXT))
    assert len(stored(root)) == 1
    keys = QueueKeys("bothsides", made.spec.generic.queue)
    assert client.strlen(keys.job(made.job_id)) < 1_000
    assert texts((await read(served, made.job_id)).spec) == [TEXT]
    shown = await served.jobs.ListJobs(pb.ListJobsRequest(view=pb.JOB_VIEW_FULL))
    assert [texts(one.spec) for one in shown.jobs] == [[TEXT]]


async def test_of_many_jobs_each_goes_where_it_belongs(served: Served, root: Path) -> None:
    requests = [job(text) for text in ("small", TEXT, "x" * 300_000, OTHER, TEXT)]
    told = await served.jobs.CreateJobs(pb.CreateJobsRequest(requests=requests))
    ids = [result.job.job_id for result in told.items]
    assert all(ids)
    assert len(stored(root)) == 2
    assert [texts((await read(served, job_id)).spec)[0][:9] for job_id in ids] == [
        text[:9] for text in ("small", TEXT, "x" * 300_000, OTHER, TEXT)
    ]


async def test_a_repeated_request_is_the_same_job(served: Served, root: Path) -> None:
    first, again = [await served.create(job(TEXT, request_id="once")) for _ in range(2)]
    assert first.job_id == again.job_id
    assert len(stored(root)) == 1


async def test_while_the_file_store_is_away_small_jobs_are_taken(served: Served, root: Path) -> None:
    made = await served.create(job(TEXT))
    with taken_away(root):
        refused = await refusal(served.jobs.CreateJob(job(OTHER)))
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "FILE_STORE_UNAVAILABLE")
        assert await served.create(job("small"))
        told = await served.jobs.CreateJobs(pb.CreateJobsRequest(requests=[job("small"), job(OTHER)]))
        assert [result.HasField("job") for result in told.items] == [True, False]
        # A job that is there can be seen, watched and cancelled; its arguments alone cannot be shown.
        assert (await refusal(read(served, made.job_id))).reason == "FILE_STORE_UNAVAILABLE"
        assert await served.jobs.GetJob(pb.GetJobRequest(job_id=made.job_id, view=pb.JOB_VIEW_BASIC))
        watch = served.watch(made.job_id)
        update = await watch.read()
        assert texts(update.snapshot.spec) == []
        watch.cancel()
        await served.jobs.CancelJob(pb.CancelJobRequest(job_id=made.job_id))
    await wait_until_async(lambda: taken(served))
    assert texts((await read(served, made.job_id)).spec) == [TEXT]


async def taken(served: Served) -> bool:
    """Whether jobs with large arguments are taken again: a store that was away is asked once a second."""
    told = await served.jobs.CreateJobs(pb.CreateJobsRequest(requests=[job(OTHER)]))
    return told.items[0].HasField("job")


async def test_a_retry_may_change_large_arguments(served: Served, root: Path) -> None:
    made = await served.create(job(TEXT))
    await served.jobs.CancelJob(pb.CancelJobRequest(job_id=made.job_id))
    spec = job(OTHER).job.spec
    await served.jobs.RetryJob(pb.RetryJobRequest(job_id=made.job_id, spec=spec))
    shown = await read(served, made.job_id)
    assert (texts(shown.spec), [texts(former) for former in shown.former_specs]) == ([OTHER], [[TEXT]])
    assert len(stored(root)) == 2
    # To smaller ones also while the file store is away: the old ones need not be read for that.
    await served.jobs.CancelJob(pb.CancelJobRequest(job_id=made.job_id))
    with taken_away(root):
        await served.jobs.RetryJob(pb.RetryJobRequest(job_id=made.job_id, spec=job("small").job.spec))
    assert (await served.jobs.GetJob(pb.GetJobRequest(job_id=made.job_id))).state == pb.Job.PENDING


async def test_a_job_whose_file_is_lost_is_shown_without_its_arguments(served: Served, root: Path) -> None:
    made = await served.create(job(TEXT))
    for path in stored(root):
        path.unlink()
    shown = await read(served, made.job_id)
    assert (shown.spec.generic.actor, texts(shown.spec)) == ("work", [])


async def test_files_go_with_their_jobs(
    served: Served, client: redis.Redis, runner: AsyncRunner, files: Files, root: Path
) -> None:
    made = await served.create(job(TEXT))
    held = await served.create(job(OTHER))
    worker = BareWorker(client, made.spec.generic.queue)
    lease = worker.fetch()
    worker.finish(lease, Succeed())
    await served.jobs.DeleteJob(pb.DeleteJobRequest(job_id=lease.job_id))
    filed = filed_of(lease.payload)
    assert filed is not None
    sweeper = FileSweeper(runner, "bothsides", files)
    # Not while a new job could come to hold the file,
    assert await sweeper.sweep() == 0
    assert len(stored(root)) == 2
    # and then soon, by one of the replicas.
    assert await sweeper.sweep(now_ms=filed.name.made_ms + KEPT_MS + 1) == 1
    assert [path.name for path in stored(root)] != [str(filed.name)]
    assert len(stored(root)) == 1
    assert texts((await read(served, held.job_id)).spec) == [OTHER]


async def test_a_file_that_a_crash_left_is_found(
    served: Served, client: redis.Redis, runner: AsyncRunner, files: Files, root: Path
) -> None:
    """Its sender had written it, and died before the submit."""
    held = await served.create(job(OTHER))
    keys = QueueKeys("bothsides", held.spec.generic.queue)
    [named] = await runner.run(jobs.name_files(keys, ["ab" * 32]))
    files.write(keys, named.name, b"small", look=False)
    client.delete(f"{keys.prefix}listed")
    sweeper = FileSweeper(runner, "bothsides", files)
    assert await sweeper.sweep() == 0
    client.delete(f"{keys.prefix}listed")
    assert await sweeper.sweep(now_ms=named.name.made_ms + KEPT_MS) == 1
    assert len(stored(root)) == 1
    assert texts((await read(served, held.job_id)).spec) == [OTHER]


async def test_a_sweep_meets_a_store_that_is_away_and_does_it_later(
    served: Served, client: redis.Redis, runner: AsyncRunner, files: Files, root: Path
) -> None:
    made = await served.create(job(TEXT))
    worker = BareWorker(client, made.spec.generic.queue)
    worker.finish(worker.fetch(), Succeed())
    await served.jobs.DeleteJob(pb.DeleteJobRequest(job_id=made.job_id))
    sweeper = FileSweeper(runner, "bothsides", files)
    # Each look comes when what the last one took is given out again.
    made_ms = int(stored(root)[0].name.split("-")[1])
    looks = (made_ms + number * KEPT_MS for number in itertools.count(2))
    with taken_away(root), pytest.raises(FileStoreUnavailable):
        await sweeper.sweep(now_ms=next(looks))
    await wait_until_async(lambda: swept(sweeper, next(looks)))
    assert stored(root) == []


async def swept(sweeper: FileSweeper, now_ms: int) -> bool:
    with suppress(FileStoreUnavailable):
        return await sweeper.sweep(now_ms=now_ms) > 0
    return False


@pytest.mark.xdist_group("s3")
async def test_a_job_goes_all_the_way_round_by_s3(
    valkey: str, client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler and a worker, a process of its own, meet in a bucket; the file is sealed there."""
    with s3_server() as s3:
        for name, value in s3.variables.items():
            monkeypatch.setenv(name, value)
        both = {
            "REDIS_URL": valkey,
            "JOB_PAYLOAD_STORE_URL": s3.url,
            "STORE_ENCRYPTION_KEY": base64.b64encode(bytes(32)).decode(),
        }
        async with serving(both) as served:
            spec = pb.GenericSpec(actor="shout", queue="reports", args=[Value(string_value=TEXT)])
            asked = pb.CreateJobRequest(job=pb.Job(spec=pb.JobSpec(generic=spec)))
            made = await served.create(asked)
            stored_job = client.get(QueueKeys("bothsides", "reports").job(made.job_id))
            assert isinstance(stored_job, bytes)
            assert stored_job.startswith(b"3\t")
            actors = {"WORKER_ACTOR_MODULES": "support.worker_actors", "WORKER_QUEUES": "reports"}
            with worker_program({**both, **s3.variables, **actors}, tmp_path):
                await wait_until_async(lambda: has_succeeded(served, made.job_id))
            done = await read(served, made.job_id)
            assert texts(done.spec) == [TEXT]


async def has_succeeded(served: Served, job_id: str) -> bool:
    return (await served.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).state == pb.Job.SUCCEEDED
