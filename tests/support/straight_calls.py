"""Paid calls that are simply made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from analysis_worker.paid.port import Answer, Call, Reply


class StraightCalls:
    """No ledger, no limits, no budgets."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    async def ask(self, call: Call, send: Callable[[], Awaitable[Reply]]) -> Answer:
        """Send it."""
        self.calls.append(call)
        reply = await send()
        return Answer(reply.body, reply.usage, False, 1, 0)
