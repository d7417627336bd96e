"""Submitting where a request id stands for one job of all its tenant's queues.

On one server the script that submits sees what all queues have. In a cluster a script sees one slot. There a
request id is *bound* to its queue first, in a slot of its tenant's: who finds it bound to another queue asks
that one for the job. A queue that has none, as its submit was refused or never came, is fenced before the id
is bound anew, one generation later, so that a submit which comes late is refused there (`Superseded`) and
begins again. So no two queues take jobs with one request id, whoever stops in between, and whenever.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from common.errors import StoreUnavailable
from common.job.ids import JobId
from common.job.model import JobRequest
from common.store.jobs.arguments import now_argument
from common.store.jobs.submitting import (
    REQUEST_TTL_MS,
    Repeated,
    Reused,
    Submitted,
    Superseded,
    submit,
)
from common.store.keys import QueueKeys, queue_keys
from common.store.operation import Argument, Operation, Steps
from common.store.scripts import script

#: Two that ask for two queues with one request id displace each other so often at most. Once is usual.
TRIES: Final = 10
#: Another version may keep more of a digest, never less than this; as lua/submit.lua has it.
_DIGEST_LEAST: Final = 12


@dataclass(frozen=True, slots=True)
class Binding:
    """The queue that a request id is bound to. The generation grows when it is bound anew."""

    queue: str
    generation: int = 0

    @property
    def spelled(self) -> str:
        return f">{self.queue} {self.generation}" if self.generation else f">{self.queue}"


@dataclass(frozen=True, slots=True)
class Claim:
    """The job that a request id stands for, and the digest of its request."""

    job_id: JobId
    digest: str

    def outcome_of(self, request: JobRequest) -> Repeated | Reused:
        length = max(_DIGEST_LEAST, min(len(self.digest), len(request.request_digest)))
        is_same = self.digest[:length] == request.request_digest[:length]
        return Repeated(self.job_id) if is_same else Reused(self.job_id)


def submitting(
    keys: QueueKeys,
    requests: Sequence[JobRequest],
    *,
    is_cluster: bool,
    messages: Sequence[bytes] | None = None,
    now_ms: int | None = None,
) -> Steps[list[Submitted]]:
    """Accept jobs of one queue, each by itself; safe to repeat, as the ids are the caller's.

    Args:
        messages: As for submit.

    Raises:
        InvalidField: As for submit.
        StoreUnavailable: In a cluster: others asked for the same request ids and other queues all the while.
    """
    if is_cluster:
        return (yield from _InCluster(keys, requests, messages, now_ms).steps())
    told = yield submit(keys, requests, messages=messages, now_ms=now_ms)
    return cast("list[Submitted]", told)  # no queue is fenced


class _InCluster:
    def __init__(
        self,
        keys: QueueKeys,
        requests: Sequence[JobRequest],
        messages: Sequence[bytes] | None,
        now_ms: int | None,
    ) -> None:
        self._keys = keys
        self._requests = requests
        self._messages = messages
        self._now_ms = now_ms
        self._first = Binding(keys.queue)
        #: By the place of the request.
        self._outcomes: dict[int, Submitted] = {}
        #: Bindings that came to nothing, which the next ones are to follow.
        self._former: dict[int, Binding] = {}

    def steps(self) -> Steps[list[Submitted]]:
        left: Sequence[int] = range(len(self._requests))
        for _ in range(TRIES):
            bound = yield from self._bind(left)
            yield from self._ask_others(
                {place: one for place, one in bound.items() if one.queue != self._keys.queue}
            )
            for generation, places in self._to_submit(left, bound):
                yield from self._submit(places, generation)
            left = [place for place in left if place not in self._outcomes]
            if not left:
                return [self._outcomes[place] for place in range(len(self._requests))]
        raise StoreUnavailable

    def _bind(self, places: Iterable[int]) -> Steps[dict[int, Binding]]:
        """Bind request ids to the queue; return those bindings that are not to it, or not its first."""
        bound, named = {}, defaultdict(list)
        for place in places:
            if self._requests[place].request_id:
                named[self._requests[place].tenant].append(place)
        for tenant, own in named.items():
            asked = [self._requests[place].request_id for place in own]
            former = [self._former.get(place) for place in own] if self._former else []
            told = yield bind(self._keys, tenant, asked, former, now_ms=self._now_ms)
            for place, answer in zip(own, told, strict=False):
                if isinstance(answer, Claim):
                    self._outcomes[place] = answer.outcome_of(self._requests[place])
                elif answer != self._first:
                    bound[place] = answer
        self._former.clear()
        return bound

    def _ask_others(self, bound: Mapping[int, Binding]) -> Steps[None]:
        """Ask the queues that request ids are bound to for their jobs."""
        by_queue = defaultdict(list)
        for place, binding in bound.items():
            by_queue[binding.queue].append(place)
        for queue, places in by_queue.items():
            asked = [(self._requests[place], bound[place].generation) for place in places]
            told = yield fence(queue_keys(self._keys.namespace, queue), asked, now_ms=self._now_ms)
            for place, claim in zip(places, told, strict=True):
                if claim is None:
                    self._former[place] = bound[place]
                else:
                    self._outcomes[place] = claim.outcome_of(self._requests[place])

    def _to_submit(
        self, left: Sequence[int], bound: Mapping[int, Binding]
    ) -> Iterable[tuple[int, Sequence[int]]]:
        """Return the requests that are bound to the queue, by the generation in which they are."""
        if not bound and not self._outcomes:
            return [(0, left)]
        by_generation = defaultdict(list)
        for place in left:
            binding = bound.get(place, self._first)
            if binding.queue == self._keys.queue and place not in self._outcomes:
                by_generation[binding.generation].append(place)
        return by_generation.items()

    def _submit(self, places: Sequence[int], generation: int) -> Steps[None]:
        requests = [self._requests[place] for place in places]
        messages = None if self._messages is None else [self._messages[place] for place in places]
        told = yield submit(
            self._keys, requests, messages=messages, generation=generation, now_ms=self._now_ms
        )
        for place, outcome in zip(places, told, strict=True):
            if isinstance(outcome, Superseded):
                self._former[place] = Binding(self._keys.queue, generation)
            else:
                self._outcomes[place] = outcome


def bind(
    keys: QueueKeys,
    tenant: str,
    request_ids: Sequence[str],
    former: Sequence[Binding | None] = (),
    *,
    now_ms: int | None = None,
) -> Operation[list[Binding | Claim]]:
    """Bind request ids of a tenant to a queue, unless they are bound to another.

    Returns what each is bound to, or stands for; nothing if all are bound to the queue, for the first time.

    Args:
        former: The bindings that the new ones are to follow, if any are.
    """
    arguments: list[Argument] = [
        now_argument(now_ms),
        REQUEST_TTL_MS,
        keys.queue,
        len(request_ids),
        *request_ids,
    ]
    arguments += ("" if one is None else one.spelled for one in former)

    def read(reply: list[Any]) -> list[Binding | Claim]:
        return [_answer(keys.queue, told) for told in reply]

    return Operation(script("bind"), (keys.claims_of(tenant),), arguments, read)


def fence(
    keys: QueueKeys, asked: Sequence[tuple[JobRequest, int]], *, now_ms: int | None = None
) -> Operation[list[Claim | None]]:
    """Read what request ids stand for in a queue. One that has no job of an id takes none any more.

    Args:
        asked: Requests, each with the last generation of its id's binding that is to be refused.
    """
    arguments: list[Argument] = [now_argument(now_ms), REQUEST_TTL_MS]
    for request, generation in asked:
        arguments += (request.tenant, request.request_id, generation)

    def read(reply: list[Any]) -> list[Claim | None]:
        return [_claim(told.decode()) if told else None for told in reply]

    return Operation(script("fence"), keys.all(), arguments, read)


def _answer(queue: str, told: Any) -> Binding | Claim:
    if isinstance(told, int):
        return Binding(queue, told)
    text = told.decode()
    if not text.startswith(">"):
        return _claim(text)
    other, _, generation = text[1:].partition(" ")
    return Binding(other, int(generation or 0))


def _claim(text: str) -> Claim:
    job_id, _, digest = text.partition(" ")
    return Claim(JobId(job_id), digest)
