"""The table of methods and roles has a row for everything that a server serves, and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.protobuf import descriptor_pool
from grpc_channelz.v1 import channelz_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from bothsides.jobs import v1 as pb
from common.auth import Role
from common.auth.methods import METHOD_ROLES
from common.rpc.server import Server, Service, UnguardedMethod
from common.settings import ServerSettings
from support.rpc import ANYWHERE, JOB_SERVICE, ScriptedJobs

FILES = (
    "job_service",
    "batch_service",
    "queue_service",
    "conversation",
    "analysis_service",
    "monitor_service",
)


def methods_of_the_contract() -> Iterator[str]:
    for name in FILES:
        file = descriptor_pool.Default().FindFileByName(f"bothsides/jobs/v1/{name}.proto")
        for service in file.services_by_name.values():
            yield from (f"/{service.full_name}/{method.name}" for method in service.methods)


def methods_of_grpc() -> Iterator[str]:
    for file in (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR, channelz_pb2.DESCRIPTOR):
        for service in file.services_by_name.values():
            yield from (f"/{service.full_name}/{method.name}" for method in service.methods)


def test_every_service_of_the_contract_is_walked() -> None:
    stubs = {name.removesuffix("Stub") for name in dir(pb) if name.endswith("ServiceStub")}

    assert stubs == {method.split("/")[1].split(".")[-1] for method in methods_of_the_contract()}


def test_every_method_has_a_row_and_every_row_a_method() -> None:
    assert set(METHOD_ROLES) == {*methods_of_the_contract(), *methods_of_grpc()}


def test_only_health_is_open() -> None:
    assert {method for method, role in METHOD_ROLES.items() if role is None} == {
        f"/grpc.health.v1.Health/{name}" for name in ("Check", "List", "Watch")
    }


@pytest.mark.parametrize("method", [name for name in METHOD_ROLES if "Analys" in name or "GetConv" in name])
def test_private_text_asks_for_the_payload_role(method: str) -> None:
    assert METHOD_ROLES[method] is Role.PAYLOAD_READER


async def test_a_service_with_a_method_that_has_no_row_cannot_be_built() -> None:
    settings = ServerSettings(ANYWHERE)
    service = Service(JOB_SERVICE, pb.add_JobServiceServicer_to_server, ScriptedJobs())
    too_few = {method: role for method, role in METHOD_ROLES.items() if not method.endswith("/RetryJob")}

    with pytest.raises(UnguardedMethod, match="RetryJob"):
        Server.build(settings, [service], method_roles=too_few)
