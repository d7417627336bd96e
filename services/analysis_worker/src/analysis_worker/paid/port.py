"""What an engine may ask of paid calls, and what it gets: an answer, a typed failure, or word of a wait.

The engine knows how to send a request; whether, when and how often it is sent is decided behind this port.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from analysis_worker.domain.unshown import Unshown


def _unheard(_: int, __: int) -> None:
    """Take no account of what was lost."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request that is about to be paid for."""

    tenant: str
    #: "openai", or the host of OPENAI_BASE_URL.
    provider: str
    model: str
    #: Hex digest of the exact request body, placeholders in it, never the originals.
    request_sha256: str
    #: 0, 1, ... for deliberate repetitions of the same request.
    sample: int
    #: An estimate that is never too low.
    input_tokens: int
    #: The most that may come back: max_completion_tokens.
    output_tokens: int
    #: What is reserved against output tokens per minute.
    expected_output_tokens: int
    job_id: str
    attempt: int
    batch_id: str = ""
    #: What the calls of all its attempts may cost (millionths of a dollar); 0: no such bound.
    max_cost_micro_usd: int = 0
    #: An answer that another job has paid for will not do.
    force_refresh: bool = False
    #: Conversations that it is about: the answer is kept no longer than any of them.
    conversation_ids: tuple[str, ...] = ()
    #: Told what a call cost (millionths of a dollar) whose answer its caller does not get, and how much of
    #: that was wasted, as nobody else gets the answer either.
    lost: Callable[[int, int], None] = field(default=_unheard, repr=False, compare=False)

    @property
    def made_by(self) -> str:
        """The attempt that makes it, as leases name attempts."""
        return f"{self.job_id}/{self.attempt}"


@dataclass(frozen=True, slots=True)
class Usage:
    """What the provider counted."""

    input_tokens: int
    #: Of the input.
    cached_input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True, repr=False)
class Reply(Unshown):
    """What came over the wire."""

    #: The answer as JSON; kept as it is.
    body: bytes = field(repr=False)
    usage: Usage
    #: Only x-ratelimit-* and retry-after*.
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, repr=False)
class Answer(Unshown):
    """A reply, of now or of before."""

    body: bytes = field(repr=False)
    usage: Usage
    #: From the ledger, or from an identical call that was in flight.
    reused: bool
    #: 0 if reused (millionths of a dollar).
    cost_micro_usd: int
    saved_micro_usd: int
    #: How often the same call was under way when its caller died: so often it may be paid for besides.
    doubtful: int = 0


class CallHeld(Exception):
    """The call may not be made before a time; its job is to be snoozed until then, no attempt spent."""

    def __init__(self, reason: str, until_ms: int) -> None:
        super().__init__(f"held: {reason}")
        #: A constant in UPPER_SNAKE_CASE.
        self.reason = reason
        self.until_ms = until_ms


class BudgetSpent(Exception):
    """A budget has no room for the call, and its policy is to refuse."""

    def __init__(self, scope: str, limit_micro_usd: int, spent_micro_usd: int) -> None:
        super().__init__(f"the {scope} budget of {limit_micro_usd} is spent: {spent_micro_usd}")
        self.scope = scope
        self.limit_micro_usd = limit_micro_usd
        self.spent_micro_usd = spent_micro_usd


class CheaperModelWanted(BudgetSpent):
    """A budget has no room for this model; its policy is to ask a cheaper one, or the local engine."""


class OutboundForbidden(Exception):
    """The operator lets no text of this tenant leave the process: nothing was sent."""

    def __init__(self) -> None:
        super().__init__("no text may leave the process")


class PaidCalls(Protocol):
    """Where paid calls are made."""

    async def ask(self, call: Call, send: Callable[[], Awaitable[Reply]]) -> Answer:
        """Return the answer to a call, by `send` only if nobody has it yet.

        Raises:
            ProviderFailure: The call failed; of common.provider.errors.
            CallHeld: It may not be made yet.
            BudgetSpent: It may not be made at all; or CheaperModelWanted.
            OutboundForbidden: No text of the tenant may leave.
        """
        ...
