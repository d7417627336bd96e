"""ListJobs may look at several tenants, if the caller's token opens all that its filter names."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest

from bothsides.jobs import v1 as pb
from common.auth.caller import Role
from support.scheduler import Served, credentials, generic, refusal, serving

RED = credentials("red", Role.PAYLOAD_READER, Role.OPERATOR, others=["blue"])


@pytest.fixture
async def guarded(valkey: str) -> AsyncIterator[Served]:
    """A scheduler with three jobs of each of red, blue and green."""
    async with serving(valkey, auth=True) as served:
        for number in range(3):
            for tenant in ("red", "blue", "green"):
                request = generic(f"{tenant}-{number}")
                await served.jobs.CreateJob(request, metadata=credentials(tenant, Role.SUBMITTER))
        yield served


async def listed(
    served: Served, text: str, metadata: tuple[tuple[str, str], ...] = RED, **fields: object
) -> list[str]:
    """Return the actors of the jobs on all pages of a list."""
    found: list[str] = []
    token = ""
    while True:
        request = pb.ListJobsRequest(filter=text, page_token=token, **fields)  # type: ignore[arg-type]
        page = await served.jobs.ListJobs(request, metadata=metadata)
        assert all(job.actor.startswith(job.tenant) for job in page.jobs)
        found += [job.actor for job in page.jobs]
        token = page.next_page_token
        if not token:
            return found


ALL = [f"{tenant}-{number}" for number in (2, 1, 0) for tenant in ("blue", "red")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["red-2", "red-1", "red-0"]),
        ("tenant = red", ["red-2", "red-1", "red-0"]),
        ("tenant = blue", ["blue-2", "blue-1", "blue-0"]),
        ("tenant = red OR tenant = blue", ALL),
        ("(tenant = red OR tenant = blue) AND actor = blue-1", ["blue-1"]),
        ("(tenant = red AND actor = red-0) OR (tenant = blue AND actor = blue-2)", ["blue-2", "red-0"]),
        ("tenant != blue", ["red-2", "red-1", "red-0"]),
        ("tenant = red AND tenant = blue", []),
        ("tenant = blue AND state = FAILED", []),
    ],
)
async def test_a_filter_names_tenants(guarded: Served, text: str, expected: list[str]) -> None:
    assert await listed(guarded, text) == expected


async def test_pages_and_full_views_go_over_tenants(guarded: Served) -> None:
    text = "tenant = red OR tenant = blue"
    assert await listed(guarded, text, page_size=1) == ALL
    request = pb.ListJobsRequest(filter=text, view=pb.JOB_VIEW_FULL)
    page = await guarded.jobs.ListJobs(request, metadata=RED)
    assert [job.spec.generic.actor for job in page.jobs] == ALL


@pytest.mark.parametrize(
    "text",
    [
        "tenant = green",
        "tenant = red OR tenant = green",
        "tenant != green",
        "NOT tenant = green",
        "tenant = red OR (state = FAILED AND tenant:green)",
        "tenant = green AND tenant = red",
        'tenant = "*"',
        'tenant = "red} x {"',
    ],
)
async def test_a_tenant_that_the_token_does_not_open_is_refused_wherever_it_stands(
    guarded: Served, text: str
) -> None:
    for view in (pb.JOB_VIEW_BASIC, pb.JOB_VIEW_FULL):
        request = pb.ListJobsRequest(filter=text, view=view)
        refused = await refusal(guarded.jobs.ListJobs(request, metadata=RED))
        assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "TENANT_NOT_GRANTED")


async def test_a_page_token_opens_no_tenant(guarded: Served) -> None:
    text = "tenant = red OR tenant = blue"
    request = pb.ListJobsRequest(filter=text, page_size=1)
    request.page_token = (await guarded.jobs.ListJobs(request, metadata=RED)).next_page_token
    only_red = credentials("red", Role.VIEWER)
    refused = await refusal(guarded.jobs.ListJobs(request, metadata=only_red))
    assert refused.reason == "TENANT_NOT_GRANTED"


async def test_whoever_may_act_for_all_may_name_any(guarded: Served) -> None:
    anyone = credentials("red", Role.VIEWER, others=["*"])
    assert len(await listed(guarded, "tenant = red OR tenant = blue OR tenant = green", anyone)) == 9


async def test_no_other_call_takes_a_tenant(guarded: Served) -> None:
    """What they do is done for one tenant: that of the call."""
    text = "tenant = blue"
    for call in (
        guarded.jobs.ListFailureGroups(pb.ListFailureGroupsRequest(filter=text), metadata=RED),
        guarded.batches.ListBatches(pb.ListBatchesRequest(filter=text), metadata=RED),
    ):
        assert (await refusal(call)).reason == "FILTER_INVALID"
    for stream in (
        guarded.jobs.BulkCancelJobs(pb.BulkCancelJobsRequest(filter=text), metadata=RED),
        guarded.jobs.BulkRetryJobs(pb.BulkRetryJobsRequest(filter=text), metadata=RED),
        guarded.jobs.WatchJobs(pb.WatchJobsRequest(filter=text), metadata=RED),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await anext(aiter(stream))
        assert (caught.value.code(), "tenant" in (caught.value.details() or "")) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            True,
        )
