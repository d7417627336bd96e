"""Random calls of every method that is served: odd messages, broken bytes, odd metadata."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from grpc_channelz.v1 import channelz_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from common.auth.caller import Role
from common.auth.methods import METHOD_ROLES
from support.random_messages import random_message
from support.rpc import detail, status_in
from support.scheduler import credentials

#: Names of the services that the platform itself defines begin with it.
OURS: Final = "/bothsides."
#: How a call may end, whatever was asked. What is not here is a fault of the server.
EXPECTED: Final = frozenset(
    {
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
#: What gRPC's own client makes of an INTERNAL when it still sends and the server has already ended the call.
SENT_TOO_LATE: Final = "Internal error from Core"
#: A stream is left after so many messages, or so much silence (s).
_MESSAGES: Final = 3
_SILENCE_S: Final = 0.05
_GRPCS_OWN: Final = (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR, channelz_pb2.DESCRIPTOR)

#: Methods of the contract whose turn has not come; they answer UNIMPLEMENTED.
NOT_SERVED: Final = frozenset(
    {
        f"{OURS}jobs.v1.{name}"
        for name in (
            "JobService/WatchJobs",
            "JobService/ListFailureGroups",
            "JobService/BulkCancelJobs",
            "JobService/BulkRetryJobs",
        )
    }
)

Metadata = tuple[tuple[str, str | bytes], ...]


@dataclass(frozen=True)
class Method:
    """A method as the wire knows it."""

    path: str
    request: type[Message]
    streams_requests: bool
    streams_responses: bool

    @property
    def service(self) -> str:
        return self.path.split("/")[1]


@dataclass(frozen=True)
class Outcome:
    """How a random call ended, and how to make it again."""

    method: Method
    requests: Sequence[bytes]
    metadata: Metadata
    code: grpc.StatusCode
    error: grpc.aio.AioRpcError | None

    @property
    def is_well(self) -> bool:
        """It ended in a way that is foreseen, and the platform's own services said why."""
        if self.error is not None and self.error.details() == SENT_TOO_LATE and self.method.streams_requests:
            return True
        if self.code not in EXPECTED:
            return False
        if self.error is None or not self.method.path.startswith(OURS):
            return True
        return bool(detail(status_in(self.error), error_details_pb2.ErrorInfo).reason)


def methods() -> list[Method]:
    """Return every method that has a role, which is every method that is served."""
    assert _GRPCS_OWN, "imported, so that the pool knows them"
    return [_method(path) for path in METHOD_ROLES if path not in NOT_SERVED]


def _method(path: str) -> Method:
    _, service, name = path.split("/")
    found: MethodDescriptor = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name]
    kind: type[Message] = GetMessageClass(found.input_type)
    return Method(path, kind, found.client_streaming, found.server_streaming)


async def call_at_random(
    channel: grpc.aio.Channel, method: Method, chance: random.Random, known: Sequence[str]
) -> Outcome:
    """Make one random call; `known` are texts that mean something, such as ids and tokens."""
    requests = [_request(method, chance, tuple(known)) for _ in range(3 if method.streams_requests else 1)]
    metadata = random_metadata(chance)
    code, error = grpc.StatusCode.OK, None
    try:
        await _call(channel, method, requests, metadata)
    except grpc.aio.AioRpcError as raised:
        code, error = raised.code(), raised
    return Outcome(method, requests, metadata, code, error)


async def _call(
    channel: grpc.aio.Channel, method: Method, requests: Sequence[bytes], metadata: Metadata
) -> None:
    raw: Any = channel  # its methods are typed for messages, not for bytes
    if not method.streams_responses:
        await raw.unary_unary(method.path)(requests[0], metadata=metadata)
        return
    if method.streams_requests:
        call = raw.stream_stream(method.path)(_in_turn(requests), metadata=metadata)
    else:
        call = raw.unary_stream(method.path)(requests[0], metadata=metadata)
    try:
        for _ in range(_MESSAGES):
            async with asyncio.timeout(_SILENCE_S):
                if await call.read() is grpc.aio.EOF:
                    return
    except TimeoutError:
        pass
    finally:
        call.cancel()


async def _in_turn(requests: Sequence[bytes]) -> AsyncIterator[bytes]:
    for request in requests:
        yield request


def _request(method: Method, chance: random.Random, known: tuple[str, ...]) -> bytes:
    data = random_message(method.request, chance, known).SerializeToString()
    match chance.randrange(10):
        case 0:
            return chance.randbytes(chance.randrange(40))
        case 1 if data:
            at = chance.randrange(len(data))
            return data[:at] + chance.randbytes(chance.randrange(4)) + data[at + chance.randrange(4) :]
        case _:
            return data


def random_metadata(chance: random.Random) -> Metadata:
    """Return metadata of a caller: mostly one who may do everything, now and then of nobody in particular."""
    entries: list[tuple[str, str | bytes]] = []
    match chance.randrange(10):
        case 0:
            entries += [
                ("authorization", chance.choice(("", "Bearer", "Bearer x.y.z", "Basic YTpi", "~" * 3_000)))
            ]
        case 1:
            entries += credentials("default", chance.choice(list(Role)))
        case 2:
            entries += [*credentials("default", *Role), ("authorization", "Bearer again")]
        case _:
            entries += credentials("default", *Role)
    odd: tuple[tuple[str, str | bytes], ...] = (
        ("traceparent", "00-" + "a" * 32 + "-" + "b" * 16 + "-01"),
        ("traceparent", "ff-nonsense"),
        ("tracestate", "=,=;" * 40),
        ("baggage", "a=%ff,b"),
        ("x-request-id", " spaced "),
        ("x-empty", ""),
        ("x-data-bin", chance.randbytes(20)),
        ("grpc-trace-bin", chance.randbytes(5)),
        ("user-agent", "x" * 200),
        ("x-long", "y" * 2_000),
    )
    entries += chance.sample(odd, chance.randrange(4))
    return tuple(entries)
