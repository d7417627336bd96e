"""Writes what an attempt's paid calls took and cost to its account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from analysis_worker.paid.port import Answer, Call, PaidCalls, Reply
from common.job.model import PaidUsage


class AccountedCalls:
    """Paid calls of one attempt.

    Args:
        pay: Adds to the attempt's account.
        read: Returns the conversations that the attempt has read.
    """

    def __init__(
        self,
        calls: PaidCalls,
        pay: Callable[[PaidUsage], None],
        read: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self._calls = calls
        self._pay = pay
        self._read = read

    async def ask(self, call: Call, send: Callable[[], Awaitable[Reply]]) -> Answer:
        """Return the answer to a call; see PaidCalls.ask."""
        # What an attempt has read may be in whatever it asks.
        read = (*call.conversation_ids, *self._read())
        call = replace(call, conversation_ids=tuple(dict.fromkeys(read)), lost=self._lost)
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

    def _lost(self, cost_micro_usd: int, wasted_micro_usd: int) -> None:
        self._pay(PaidUsage(1, cost_micro_usd=cost_micro_usd, wasted_micro_usd=wasted_micro_usd))
