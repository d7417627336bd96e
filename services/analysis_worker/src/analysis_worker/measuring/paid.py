"""Measures paid calls: by OpenTelemetry's conventions for generative AI where these have a name for it.

Nothing of a request, an answer, a tenant or a job is a label: provider, model, kind of call, and constants.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from analysis_worker.measuring.spans import error_type, model_of, operation_of
from analysis_worker.paid.port import Answer, BudgetSpent, Call, CallHeld, PaidCalls, Reply
from common.store.jobs import RELEASED_FOR, BlockerKind

#: Edges of buckets for tokens of one call, as the conventions have them.
TOKENS: Final = (1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304)
_MICRO: Final = 1_000_000


class MeasuredCalls:
    """Paid calls that are measured on their way."""

    def __init__(self, calls: PaidCalls, meter: Meter) -> None:
        self._calls = calls
        #: Circuits as this worker met them last: provider and model -> whether open.
        self._open: dict[tuple[str, str], bool] = {}
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "How long calls took at the provider."
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Tokens that calls used.",
            explicit_bucket_boundaries_advisory=TOKENS,
        )
        self._wait = meter.create_histogram(
            "bothsides.paid_call.wait", "s", "How long calls waited until they were made, reused or held."
        )
        self._held = meter.create_counter(
            "bothsides.paid_call.held", "{call}", "Calls that were not made, by the reason."
        )
        self._reused = meter.create_counter(
            "bothsides.paid_call.reused", "{call}", "Calls that were not made, as their answer was there."
        )
        self._cost = meter.create_counter("bothsides.paid_call.cost", "{USD}", "What calls cost.")
        self._saved = meter.create_counter(
            "bothsides.paid_call.saved", "{USD}", "What the answers that were there had cost."
        )
        meter.create_observable_gauge(
            "bothsides.circuit.open",
            [self._circuits],
            "1",
            "Whether this worker was last kept from a model by its circuit: 1, or 0.",
        )

    async def ask(self, call: Call, send: Callable[[], Awaitable[Reply]]) -> Answer:
        """Return the answer to a call; see PaidCalls.ask."""
        model = model_of(call)
        made = {**model, "gen_ai.operation.name": operation_of(call)}
        waiting_s = time.perf_counter()

        async def sent() -> Reply:
            nonlocal waiting_s
            begun_s = time.perf_counter()
            self._wait.record(begun_s - waiting_s, {**model, "bothsides.outcome": "made"})
            try:
                reply = await send()
            except BaseException as error:
                took = {**made, "error.type": error_type(error)}
                self._duration.record(time.perf_counter() - begun_s, took)
                waiting_s = time.perf_counter()  # one that was refused waits for its turn again
                raise
            self._duration.record(time.perf_counter() - begun_s, made)
            used = reply.usage
            for kind, tokens in (("input", used.input_tokens), ("output", used.output_tokens)):
                self._tokens.record(tokens, {**made, "gen_ai.token.type": kind})
            return reply

        try:
            answer = await self._calls.ask(call, sent)
        except CallHeld as held:
            if RELEASED_FOR.get(held.reason) is BlockerKind.CIRCUIT:
                self._open[call.provider, call.model] = True
            self._not_made(model, waiting_s, held.reason)
            raise
        except BudgetSpent:
            self._not_made(model, waiting_s, "BUDGET_SPENT")
            raise
        if answer.reused:
            self._wait.record(time.perf_counter() - waiting_s, {**model, "bothsides.outcome": "reused"})
            self._reused.add(1, model)
            self._saved.add(answer.saved_micro_usd / _MICRO, model)
        else:
            self._open[call.provider, call.model] = False
            self._cost.add(answer.cost_micro_usd / _MICRO, model)
        return answer

    def _not_made(self, model: dict[str, str], since_s: float, reason: str) -> None:
        self._wait.record(time.perf_counter() - since_s, {**model, "bothsides.outcome": "held"})
        self._held.add(1, {**model, "bothsides.reason": reason})

    def _circuits(self, options: CallbackOptions) -> Iterable[Observation]:
        for (provider, model), is_open in list(self._open.items()):
            labels = {"gen_ai.provider.name": provider, "gen_ai.request.model": model}
            yield Observation(int(is_open), labels)
