"""What both clients are made of: where the services are, how to reach them, and what goes with each call."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar

import grpc

from bothsides.jobs import v1 as pb
from bothsides_client.addresses import DEFAULT_MONITOR_ADDR, DEFAULT_SCHEDULER_ADDR, target_of
from bothsides_client.channel import options_for
from bothsides_client.errors import Cancelled, Failure
from bothsides_client.retry import Reconnect
from bothsides_client.security import Metadata, NoToken, Tls, Token, TokenFile, acting_for

Channel = TypeVar("Channel")
P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V")
Options = Sequence[tuple[str, int | str]]

#: The scheduler's services; the monitor's are beside them.
_SCHEDULER: Final[dict[str, Any]] = {
    "JobService": pb.JobServiceStub,
    "BatchService": pb.BatchServiceStub,
    "QueueService": pb.QueueServiceStub,
    "ConversationService": pb.ConversationServiceStub,
    "AnalysisService": pb.AnalysisServiceStub,
}
_MONITOR: Final[dict[str, Any]] = {"MonitorService": pb.MonitorServiceStub}

_SELF: Final = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Connection(ABC, Generic[Channel]):
    """Channels to scheduler and monitor, which connect on first use.

    Args:
        scheduler_addr: "host:port" of the scheduler; those of all its replicas, as `addresses.target_of`
            takes them.
        monitor_addr: The same of the monitor.
        token: Bearer token, sent with every call; or the path of a file that holds it, which is read again
            when it changes. Use it with `tls`, unless the network is trusted.
        tenant: Whose jobs the calls are about, if not the token's own: one that it opens.
        tls: For both; None for plain connections.
        timeout_s: Bound of every call but the streams, its retries and their pauses included.
        reconnect: How retries wait, and how watches connect again.
        channel: Used for every service instead of opening channels; the caller keeps and closes it.

    Raises:
        BadSetting: An address or a file cannot be used.
    """

    def __init__(
        self,
        scheduler_addr: str | Sequence[str] = DEFAULT_SCHEDULER_ADDR,
        monitor_addr: str | Sequence[str] = DEFAULT_MONITOR_ADDR,
        *,
        token: str | Path | None = None,
        tenant: str | None = None,
        tls: Tls | None = None,
        timeout_s: float = 10.0,
        reconnect: Reconnect | None = None,
        channel: Channel | None = None,
    ) -> None:
        self._token = _token(token)
        self._tenant = acting_for(tenant)
        self._timeout_s = timeout_s
        self._reconnect = reconnect or Reconnect()
        self._own_channels: list[Channel] = []
        self._closed = False
        self._stubs: dict[str, Any] = {}
        self._peers: dict[str, str] = {}
        places = (("scheduler", scheduler_addr, _SCHEDULER), ("monitor", monitor_addr, _MONITOR))
        targets = [target_of(address) for _, address, _ in places]
        credentials = None if tls is None else tls.credentials()
        options = options_for(None if tls is None else tls.server_name)
        for (name, address, stubs), target in zip(places, targets, strict=True):
            if channel is None:
                self._own_channels.append(opened := self._open(target, credentials, options))
            else:
                opened = channel
            shown = address if isinstance(address, str) else ", ".join(address)
            for service, stub in stubs.items():
                self._stubs[service] = stub(opened)
                self._peers[service] = f"{name} at {shown}"

    @staticmethod
    @abstractmethod
    def _open(target: str, credentials: grpc.ChannelCredentials | None, options: Options) -> Channel:
        """Return a channel; without credentials it is not encrypted."""

    def _method(self, service: str, method: str) -> Any:
        """Return what makes the call.

        Raises:
            Cancelled: The client is closed.
        """
        if self._closed:
            raise self._is_closed()
        return getattr(self._stubs[service], method)

    def _is_closed(self) -> Cancelled:
        return Cancelled(Failure("CANCELLED", "", "the client is closed"))

    def _metadata(self) -> Metadata:
        """Return what goes with the next call."""
        return self._token.metadata() + self._tenant


def _token(token: str | Path | None) -> Token | TokenFile | NoToken:
    match token:
        case None | "":
            return NoToken()
        case str():
            return Token(token)
    return TokenFile(token)


def method(run: Callable[[Any, V], R], build: Callable[P, V]) -> Callable[Concatenate[Any, P], R]:
    """Return the method of a client that builds a call and runs it, with the builder's name and words."""

    @wraps(build)
    def built_and_run(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return run(self, build(*args, **kwargs))

    signature = inspect.signature(build)
    built_and_run.__signature__ = signature.replace(  # type: ignore[attr-defined]  # what help() shows
        parameters=[_SELF, *signature.parameters.values()]
    )
    return built_and_run
