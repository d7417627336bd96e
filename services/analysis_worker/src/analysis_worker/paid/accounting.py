"""Writes what an attempt's paid calls took and cost to its account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from analysis_worker.paid.port import Answer, Call, PaidCalls, Reply
from common.job.model import PaidUsage


class AccountedCalls:
    """Paid calls of one attempt.

    Args:
        pay: Adds to the attempt's account.
    """

    def __init__(self, calls: PaidCalls, pay: Callable[[PaidUsage], None]) -> None:
        self._calls = calls
        self._pay = pay

    async def ask(self, call: Call, send: Callable[[], Awaitable[Reply]]) -> Answer:
        """Return the answer to a call; see PaidCalls.ask."""
        answer = await self._calls.ask(call, send)
        if answer.reused:
            self._pay(PaidUsage(reused_calls=1, saved_micro_usd=answer.saved_micro_usd))
        else:
            used = answer.usage
            self._pay(
                PaidUsage(
                    1,
                    0,
                    used.input_tokens,
                    used.cached_input_tokens,
                    used.output_tokens,
                    answer.cost_micro_usd,
                    doubtful_calls=answer.doubtful,
                )
            )
        return answer
