"""Both clients against real schedulers: the same calls, errors, and watches that outlive connections."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from bothsides.jobs import v1 as pb
from bothsides_client.async_client import AsyncClient
from bothsides_client.calls.bulk import BULK_LIMIT
from bothsides_client.client import Client
from bothsides_client.errors import (
    Cancelled,
    CredentialsInvalid,
    DeadlineExceeded,
    DuplicateJob,
    EtagMismatch,
    FieldInvalid,
    JobNotFound,
    JobUnsuccessful,
    PermissionMissing,
    QueueDraining,
    QueueFull,
    QueueNotFound,
    Unavailable,
)
from bothsides_client.retry import Reconnect
from bothsides_client.security import Tls
from common.auth.caller import Role
from common.job.model import Content
from support.background import scheduler_in_background
from support.proxy import LossyProxy
from support.scheduler import BareWorker, credentials
from support.waiting import wait_until

QUEUE = "data_processing"
NO_JOB = "data-00000000000000000000000000"
#: No connection comes about: the call ends with that, or with its time.
NOT_LET_IN = (Unavailable, DeadlineExceeded)
#: Soon back, so that fifty broken connections take seconds.
SOON = Reconnect(min_s=0.01, max_s=0.05)


def generic(**fields: str) -> pb.Job:
    return pb.Job(spec=pb.JobSpec(generic=pb.GenericSpec(actor="work")), **fields)  # type: ignore[arg-type]


class TestErrors:
    def test_each_refusal_is_an_error_of_its_own(self, caller: Client) -> None:
        with pytest.raises(JobNotFound) as missing:
            caller.get_job(NO_JOB)
        assert missing.value.metadata["resource_name"] == NO_JOB
        with pytest.raises(FieldInvalid) as wrong:
            caller.create_job(pb.Job(labels={"Team": "x"}))
        assert {each.field for each in wrong.value.field_violations} >= {"job.spec"}
        with pytest.raises(QueueNotFound):
            caller.pause_queue("nowhere")

        policy = pb.CreateJobRequest.REJECT
        first = caller.create_job(generic(unique_key="k"), duplicate_policy=policy)
        with pytest.raises(DuplicateJob) as duplicate:
            caller.create_job(generic(unique_key="k"), duplicate_policy=policy)
        assert duplicate.value.metadata["job_id"] == first.job_id
        with pytest.raises(EtagMismatch):
            caller.update_job(pb.Job(job_id=first.job_id, priority=pb.Job.LOW, etag="of long ago"))

        caller.drain_queue(QUEUE)
        with pytest.raises(QueueDraining):
            caller.create_job(generic())
        caller.resume_queue(QUEUE)
        caller.update_queue(pb.Queue(name=QUEUE, max_depth=1))

    def test_a_full_queue_says_when_to_come_again(self, caller: Client, scheduler_addr: str) -> None:
        """The delay is longer than the call may take, so the call is not repeated."""
        caller.create_job(generic())
        caller.update_queue(pb.Queue(name=QUEUE, max_depth=1))
        with Client(scheduler_addr, timeout_s=2) as hasty, pytest.raises(QueueFull) as full:
            hasty.create_job(generic())
        assert full.value.retry_after_s == 5.0
        assert full.value.field_violations[0].field == f"queues/{QUEUE}"


class TestBulk:
    def test_each_item_has_its_outcome_and_sending_it_again_stores_nothing(self, caller: Client) -> None:
        wanted = [generic() for _ in range(BULK_LIMIT + 200)]
        wanted[7] = pb.Job()
        outcomes = caller.create_jobs(wanted)
        assert [place for place, each in enumerate(outcomes) if each.job is None] == [7]
        assert isinstance(outcomes[7].error, FieldInvalid)
        again = caller.create_jobs(wanted, [each.request_id for each in outcomes])
        ids = [each.job.job_id if each.job else None for each in outcomes]
        assert [each.job.job_id if each.job else None for each in again] == ids
        assert len(list(caller.list_jobs(page_size=500))) == BULK_LIMIT + 199

    def test_without_a_server_every_item_has_the_error(self) -> None:
        with Client("127.0.0.1:1", timeout_s=1) as caller:
            outcomes = caller.create_jobs([generic()] * (BULK_LIMIT + 1))
        assert len(outcomes) == BULK_LIMIT + 1
        assert {type(each.error) for each in outcomes} <= {Unavailable, DeadlineExceeded}
        assert len({id(each.error) for each in outcomes}) == 1  # nothing more was sent


class TestWaiting:
    def test_a_result_comes_when_the_job_is_done(self, caller: Client, worker: BareWorker) -> None:
        job = caller.create_job(generic())
        lease = worker.fetch()
        done = threading.Timer(0.1, worker.succeed, [lease, Content("application/json", b"42")])
        done.start()
        assert caller.wait_for_result(job.job_id).generic.number_value == 42
        done.join()

    def test_a_failure_carries_the_job(self, caller: Client, worker: BareWorker) -> None:
        job = caller.create_job(generic())
        worker.fail(worker.fetch(), "DISK_FULL")
        with pytest.raises(JobUnsuccessful, match="ended FAILED: DISK_FULL") as ended:
            caller.wait_for_result(job.job_id)
        assert ended.value.job.job_id == job.job_id
        assert caller.wait_for_job(job.job_id).state == pb.Job.FAILED

    def test_it_ends_with_its_time_and_leaves_the_job_alone(self, caller: Client) -> None:
        job = caller.create_job(generic())
        with pytest.raises(DeadlineExceeded):
            caller.wait_for_job(job.job_id, timeout_s=0.3)
        assert caller.get_job(job.job_id).state == pb.Job.PENDING


class Watching:
    """A watch of all jobs in the background, and what it has been told of each, but for progress."""

    def __init__(self, client: Client) -> None:
        self.told: defaultdict[str, list[str]] = defaultdict(list)
        self.began = threading.Event()
        self._client = client
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with suppress(Cancelled):  # the client is closed at the end of the test
            self._follow()

    def _follow(self) -> None:
        for message in self._client.watch_jobs():
            self.began.set()
            assert not message.HasField("reset")
            for event in message.events:
                if event.HasField("state_change"):
                    change = event.state_change
                    self.told[event.job_id].append(f"{pb.Job.State.Name(change.state)} {change.attempt}")


def test_a_watch_that_is_cut_off_50_times_is_told_the_same_as_one_that_is_not(
    caller: Client, scheduler_addr: str, worker: BareWorker
) -> None:
    """Given 200 jobs that run, when the connection of one watcher breaks 50 times, then both were told each
    change of each job once, in order."""
    host, port = scheduler_addr.split(":")
    with (
        LossyProxy(host, int(port)) as proxy,
        Client(f"127.0.0.1:{proxy.port}", reconnect=SOON) as cut_off,
    ):
        steady, dropped = Watching(caller), Watching(cut_off)
        assert steady.began.wait(20)
        assert dropped.began.wait(20)
        for number in range(50):
            ids = [each.job.job_id for each in caller.create_jobs([generic()] * 4) if each.job is not None]
            proxy.cut_all()
            for lease in worker.fetch_up_to(4):
                worker.succeed(lease)
            assert len(ids) == 4, number
        ends = ["PENDING 0", "RUNNING 1", "SUCCEEDED 1"]
        for watching in (steady, dropped):
            wait_until(
                lambda: len(watching.told) == 200 and all(len(told) == 3 for told in watching.told.values())  # noqa: B023
            )
        assert all(told == ends for told in steady.told.values())
        assert dropped.told == steady.told


def test_a_replica_that_is_not_there_is_passed_over(valkey: str) -> None:
    """What happens while replicas stop in turn is tested with processes, in test_two_replicas."""
    with scheduler_in_background(valkey) as here, scheduler_in_background(valkey) as gone:
        addresses = [gone, here]
        with Client(addresses) as caller:
            job = caller.create_job(generic())
    with scheduler_in_background(valkey) as here, Client([gone, here]) as caller:
        assert [caller.get_job(job.job_id).job_id for _ in range(10)] == [job.job_id] * 10
        assert next(caller.watch_job(job.job_id)).snapshot.job_id == job.job_id


class TestCredentials:
    def test_a_token_that_is_replaced_in_its_file_is_used_from_then_on(
        self, valkey: str, tmp_path: Path
    ) -> None:
        """Given a client that lives for longer than its tokens, when the file gets a new one, then calls and
        watches go on with it, as the new caller."""
        file = tmp_path / "token"
        file.write_text(token("acme", Role.SUBMITTER))
        with scheduler_in_background(valkey, auth=True) as address, Client(address, token=file) as caller:
            job = caller.create_job(generic())
            file.write_text(token("other", Role.VIEWER))
            with pytest.raises(JobNotFound):
                caller.get_job(job.job_id)
            with pytest.raises(PermissionMissing) as refused:
                caller.create_job(generic())
            assert refused.value.metadata["role"] == "submitter"
            file.write_text("nonsense")
            with pytest.raises(CredentialsInvalid):
                next(caller.watch_jobs())
            file.write_text(token("acme", Role.VIEWER))
            assert next(caller.watch_job(job.job_id)).snapshot.job_id == job.job_id

    def test_both_sides_show_certificates(self, valkey: str, tmp_path: Path) -> None:
        """Given a scheduler that lets in who has a certificate of its authority, several addresses and a name
        in the certificates that is none of them: who has all that is served, and nobody else."""
        authority, stranger = trustme.CA(), trustme.CA()
        server, client = authority.issue_cert("scheduler.jobs"), authority.issue_cert("client.jobs")
        files = {
            "ca.pem": authority.cert_pem,
            "stranger.pem": stranger.cert_pem,
            "server.pem": server.cert_chain_pems[0],
            "server.key": server.private_key_pem,
            "client.pem": client.cert_chain_pems[0],
            "client.key": client.private_key_pem,
        }
        for name, blob in files.items():
            blob.write_to_path(tmp_path / name)
        variables = {
            "REDIS_URL": valkey,
            "TLS_CERT_FILE": str(tmp_path / "server.pem"),
            "TLS_KEY_FILE": str(tmp_path / "server.key"),
            "TLS_CLIENT_CA_FILE": str(tmp_path / "ca.pem"),
        }
        mutual = Tls(
            tmp_path / "ca.pem",
            tmp_path / "client.pem",
            tmp_path / "client.key",
            server_name="scheduler.jobs",
        )
        with scheduler_in_background(variables) as address:
            with Client([address, "127.0.0.1:1"], tls=mutual) as caller:
                assert caller.create_job(generic()).job_id
            for wrong in (
                None,
                Tls(tmp_path / "ca.pem", server_name="scheduler.jobs"),
                Tls(tmp_path / "stranger.pem", mutual.certificate_file, mutual.key_file, "scheduler.jobs"),
                Tls(tmp_path / "ca.pem", mutual.certificate_file, mutual.key_file, "another.jobs"),
            ):
                with Client(address, tls=wrong, timeout_s=1) as refused, pytest.raises(NOT_LET_IN):
                    refused.get_job(NO_JOB)


def token(tenant: str, *roles: Role) -> str:
    """Return a bearer token by itself."""
    [(_, header)] = credentials(tenant, *roles)
    return header.removeprefix("Bearer ")


class TestAsyncClient:
    @pytest.fixture
    async def async_caller(self, scheduler_addr: str) -> AsyncIterator[AsyncClient]:
        async with AsyncClient(scheduler_addr, reconnect=SOON) as caller:
            yield caller

    async def test_calls_lists_bulk_and_errors_are_those_of_the_other_client(
        self, async_caller: AsyncClient
    ) -> None:
        outcomes = await async_caller.create_jobs([generic(), pb.Job(), generic()])
        assert [type(each.error) for each in outcomes] == [type(None), FieldInvalid, type(None)]
        job = outcomes[0].job
        assert job is not None
        assert (await async_caller.explain_job(job.job_id)).state == pb.Job.PENDING
        listed = [each.job_id async for each in async_caller.list_jobs(page_size=1)]
        assert len(listed) == 2
        with pytest.raises(JobNotFound):
            await async_caller.get_job(NO_JOB)
        done = [each async for each in async_caller.bulk_cancel_jobs("state = PENDING")]
        assert (done[-1].finished, done[-1].done_count) == (True, 2)
        with pytest.raises(JobUnsuccessful):
            await async_caller.wait_for_result(job.job_id)

    async def test_a_watch_is_resumed_when_its_connection_breaks(
        self, scheduler_addr: str, worker: BareWorker
    ) -> None:
        host, port = scheduler_addr.split(":")
        with LossyProxy(host, int(port)) as proxy:
            async with AsyncClient(f"127.0.0.1:{proxy.port}", reconnect=SOON) as caller:
                job = await caller.create_job(generic())
                told = []
                async for message in caller.watch_job(job.job_id):
                    told.append(message.WhichOneof("event"))
                    proxy.cut_all()
                    if len(told) == 1:
                        lease = await asyncio.to_thread(worker.fetch)
                        await asyncio.to_thread(worker.succeed, lease)
                assert [each for each in told if each != "heartbeat"] == [
                    *("snapshot", "state_change", "state_change", "snapshot")
                ]

    async def test_waiting_ends_with_its_time(self, async_caller: AsyncClient) -> None:
        job = await async_caller.create_job(generic())
        with pytest.raises(DeadlineExceeded):
            await async_caller.wait_for_job(job.job_id, timeout_s=0.2)

    async def test_leaving_a_watch_and_a_cancelled_task_leave_nothing_behind(
        self, async_caller: AsyncClient
    ) -> None:
        job = await async_caller.create_job(generic())
        waiting = asyncio.create_task(async_caller.wait_for_job(job.job_id))
        async for message in async_caller.watch_job(job.job_id):
            assert message.HasField("snapshot")
            break
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    async def test_a_full_queue_is_waited_for_without_blocking_the_loop(
        self, async_caller: AsyncClient
    ) -> None:
        """The pause is the server's delay; the loop's own sleep is asked for it."""
        first = await async_caller.create_job(generic())
        await async_caller.update_queue(pb.Queue(name=QUEUE, max_depth=1))
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            await async_caller.cancel_job(first.job_id)

        async_caller.sleep = sleep
        assert (await async_caller.create_job(generic())).job_id
        assert [5.0 <= each < 5.1 for each in slept] == [True]
