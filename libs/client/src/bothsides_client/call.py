"""What a client can be asked for, as values: the method, the request, and how to read the answer.

They do nothing by themselves. `Client` runs them on a thread and `AsyncClient` on an event loop, so that what
is asked, repeated and resumed is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from bothsides_client.errors import RequestFailed

R = TypeVar("R")
M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Call(Generic[R]):
    """One request, one answer."""

    #: Such as "JobService", and "GetJob".
    service: str
    method: str
    request: Message
    read: Callable[[Any], R]


@dataclass(frozen=True, slots=True)
class Pages(Generic[M]):
    """What is left of a list that comes page by page (AIP-158)."""

    call: Call[Any]
    items: Callable[[Any], Iterable[M]]

    def after(self, page: Any) -> Pages[M] | None:
        """Return what is left behind the page; None if it was the last one."""
        if not page.next_page_token:
            return None
        request: Any = type(self.call.request)()
        request.CopyFrom(self.call.request)
        request.page_token = page.next_page_token
        return replace(self, call=replace(self.call, request=request))


@dataclass(frozen=True, slots=True)
class Watch(Generic[M]):
    """A stream of messages that is resumed when its connection is lost."""

    service: str
    method: str
    #: Makes the request that begins behind a resume token; "" for the beginning.
    request: Callable[[str], Message]
    #: The resume token of a message; "" if it has none.
    token: Callable[[Any], str]
    #: Says whether nothing comes after the message.
    is_last: Callable[[Any], bool]
    #: What the caller sees of a message.
    read: Callable[[Any], Iterable[M]]
    #: Where to begin.
    resume_token: str = ""


@dataclass(frozen=True, slots=True)
class Stream(Generic[M]):
    """A stream that ends with what it does, and is not begun again: its request has an effect."""

    service: str
    method: str
    request: Message
    read: Callable[[Any], M]


@dataclass(frozen=True, slots=True)
class Wait(Generic[R]):
    """The last message of a watch, within a time."""

    watch: Watch[Any]
    #: None to wait for ever.
    timeout_s: float | None
    read: Callable[[Any], R]


@dataclass(frozen=True, slots=True)
class Bulk(Generic[R]):
    """Many items in several calls, with an outcome for each."""

    calls: Callable[[], Iterator[Call[list[R]]]]
    #: The outcomes of a call that failed as a whole.
    failed: Callable[[Call[list[R]], RequestFailed], list[R]]


@dataclass(frozen=True, slots=True)
class Steps(Generic[R]):
    """Calls one after another, each made of what the one before it answered."""

    #: Yields a call, is sent its answer, and returns the outcome of all.
    calls: Callable[[], Generator[Call[Any], Any, R]]


def same(answer: R) -> R:
    """Read an answer as it is."""
    return answer
