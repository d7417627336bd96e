"""Whatever is sent to any method of any service, it is answered, or refused for a stated reason.

`make fuzz` makes 20,000 calls of the kind that the test suite makes a few hundred of.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bothsides.jobs import v1 as pb
from common.auth.caller import Role
from common.settings import MonitorSettings
from monitor.app import Monitor
from support.random_calls import Method, Outcome, call_at_random, methods
from support.scheduler import SECRET, credentials, debate, generic, serving

#: Over all methods.
CALLS: Final = int(os.environ.get("RANDOM_CALLS", "600"))
#: Calls that are under way at once.
AT_ONCE: Final = 8
MONITOR: Final = "bothsides.jobs.v1.MonitorService"
EVERYONE: Final = credentials("default", *Role)


def _by_service() -> dict[str, list[Method]]:
    found: defaultdict[str, list[Method]] = defaultdict(list)
    for method in methods():
        found[method.service].append(method)
    return found


SERVICES: Final = _by_service()


@asynccontextmanager
async def _monitoring(url: str) -> AsyncIterator[grpc.aio.Channel]:
    variables = {"REDIS_URL": url, "MONITOR_ADDR": "127.0.0.1:0", "AUTH_JWT_SECRET": SECRET}
    monitor = Monitor(MonitorSettings.from_environment(variables))
    port = await monitor.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await monitor.stop()


@asynccontextmanager
async def _served(url: str, service: str) -> AsyncIterator[tuple[grpc.aio.Channel, list[str]]]:
    """Serve all that is needed; yields a channel to the service, and texts that mean something there."""
    async with serving(url, auth=True, heartbeat_s=0.01) as served, _monitoring(url) as monitor:
        put = pb.PutConversationRequest(conversation=debate("known"))
        await served.conversations.PutConversation(put, metadata=EVERYONE)
        job = await served.jobs.CreateJob(generic(), metadata=EVERYONE)
        watch = served.jobs.WatchJob(pb.WatchJobRequest(job_id=job.job_id), metadata=EVERYONE)
        token = (await anext(aiter(watch))).resume_token
        known = [job.job_id, token, "known", job.queue, job.etag, 'state = FAILED AND labels.team = "a"']
        yield (monitor if service == MONITOR else served.channel), known


@pytest.mark.timeout(600)
@pytest.mark.parametrize("service", SERVICES)
async def test_no_call_ends_in_an_unforeseen_error(
    valkey: str, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = max(1, CALLS // sum(map(len, SERVICES.values())))
    ended: Counter[str] = Counter()

    async def call_often(channel: grpc.aio.Channel, known: list[str], seed: int) -> None:
        chance = random.Random(f"{service} {seed}")
        for _ in range(seed, wanted, AT_ONCE):
            for method in SERVICES[service]:
                outcome = await call_at_random(channel, method, chance, known)
                assert outcome.is_well, _described(outcome)
                ended[outcome.code.name] += 1

    with caplog.at_level(logging.ERROR):
        async with _served(valkey, service) as (channel, known):
            async with asyncio.TaskGroup() as group:
                for seed in range(AT_ONCE):
                    group.create_task(call_often(channel, known, seed))
            # It still serves.
            health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
            assert health.status == health_pb2.HealthCheckResponse.SERVING

    assert sum(ended.values()) == wanted * len(SERVICES[service]), ended
    assert [record.getMessage() for record in caplog.records] == []


def _described(outcome: Outcome) -> str:
    requests = [bytes(request) for request in outcome.requests]
    return f"{outcome.method.path} {requests!r} {outcome.metadata!r} ended with {outcome.error!r}"
