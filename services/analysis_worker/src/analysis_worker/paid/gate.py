"""PaidCalls over the store: one answer for each request, and no call that the fleet may not make.

The order is what keeps it safe. The turn at the provider comes first, and with it the claim on the answer;
then the money, so that nobody holds any while waiting; then the call. Its answer is kept before anything else
is done with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from analysis_worker.paid.about import Notes
from analysis_worker.paid.away import away_until_ms, is_own_fault
from analysis_worker.paid.door import Door
from analysis_worker.paid.keeping import BodyUnreadable, Keeping
from analysis_worker.paid.lease import renewed
from analysis_worker.paid.money import Purse
from analysis_worker.paid.patience import Patience, until
from analysis_worker.paid.port import Answer, Call, CallHeld, Reply, Usage
from analysis_worker.paid.steady import Steady, through
from analysis_worker.paid.under_way import UnderWay
from common.errors import JobsError, StoreFull, StoreUnavailable
from common.provider.errors import ProviderFailure
from common.provider.limits import told_by
from common.provider.models import ModelTable
from common.store.keys import ProviderKeys, provider_keys
from common.store.operation import AsyncRunner
from common.store.provider import calls, operating
from common.store.provider.calls import Asked, Ended, Granted, Held, InFlight, Paid, Recorded, Wait

#: A call that would wait longer is held (ms).
LONGEST_WAIT_MS: Final = 10_000
#: Between two looks for the answer that another caller is about to get (ms): at first, and at most.
LOOK_FIRST_MS: Final = 50
LOOK_MOST_MS: Final = 500
#: A job whose call could not be asked for, as the store was away, looks again after this (ms).
STORE_AWAY_MS: Final = 2_000
#: What passes before a job hears that its call is held (ms): its slot takes no other job meanwhile.
HOLD_PAUSE_MS: Final = 2_000
#: While others hold what is left of a budget (ms).
ROOM_LOOK_MS: Final = 250
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What holds for every call of a worker."""

    #: Tells keys of the provider apart; never the key.
    key_fingerprint: str = ""
    keep_ms: int = calls.KEEP_MS
    keep_bytes: int = calls.KEEP_BYTES
    lease_ms: int = calls.LEASE_MS
    longest_wait_ms: int = LONGEST_WAIT_MS


async def equal_weights(tenant: str) -> float:
    """Return the same weight for every tenant."""
    return 1.0


class PaidGate:
    """Where a worker's paid calls go through. Made for one event loop.

    Args:
        weight_of: A tenant's weight while tenants compete for a model.
        door: Whose text may leave; None: everyone's.
        conversations_elsewhere: They are not in this store.
    """

    def __init__(
        self,
        store: AsyncRunner,
        namespace: str,
        *,
        models: ModelTable,
        keeping: Keeping | None = None,
        weight_of: Callable[[str], Awaitable[float]] = equal_weights,
        settings: GateSettings | None = None,
        door: Door | None = None,
        conversations_elsewhere: bool = False,
    ) -> None:
        self._store = Steady(store)
        self._namespace = namespace
        self._settings = settings or GateSettings()
        self._purse = Purse(self._store, namespace, models, lease_ms=self._settings.lease_ms)
        self._keeping = keeping or Keeping()
        self._weight_of = weight_of
        self._door = door or Door()
        self._notes = Notes(
            self._store,
            namespace,
            keep_ms=self._settings.keep_ms,
            kept_elsewhere=conversations_elsewhere,
        )
        self._declared: set[tuple[str, str]] = set()
        #: Set when an answer arrives for which calls of this process wait.
        self._arrivals: dict[str, asyncio.Event] = {}
        self._under_way = UnderWay()

    async def ask(self, call: Call, send: Callable[[], Awaitable[Reply]]) -> Answer:
        """Return the answer to a call; see PaidCalls.ask."""
        self._door.check(call.tenant)
        try:
            asked = await self._asked(call)
            await self._notes.note(call, asked.answer_id)
            return await self._ask(call, asked, send)
        except CallHeld:
            # The job may end with this, and stop its other calls; the circuit's probe may be one of them.
            await self._under_way.wait(call.job_id)
            raise
        except (StoreUnavailable, StoreFull) as error:
            raise CallHeld(error.reason, until(STORE_AWAY_MS)) from None

    async def _asked(self, call: Call) -> Asked:
        keys = (call.provider, call.model)
        if keys not in self._declared:
            await self._store.run(operating.declare_model(self._namespace, *keys))
            self._declared.add(keys)
        return Asked(
            token=uuid.uuid4().hex,
            answer_id=calls.answer_id(call.tenant, call.request_sha256, call.sample),
            job_id=call.job_id,
            tenant=call.tenant,
            input_tokens=call.input_tokens,
            output_tokens=call.output_tokens,
            expected_output_tokens=call.expected_output_tokens,
            weight=await self._weight_of(call.tenant),
            force_refresh=call.force_refresh,
            key_fingerprint=self._settings.key_fingerprint,
        )

    async def _ask(self, call: Call, asked: Asked, send: Callable[[], Awaitable[Reply]]) -> Answer:
        keys = provider_keys(self._namespace, call.provider, call.model)
        patience = Patience(self._settings.longest_wait_ms)
        while True:
            turn = await self._turn(keys, asked, patience)
            if isinstance(turn, Recorded):
                try:
                    body = self._keeping.unpack(turn.body, asked.answer_id)
                except BodyUnreadable:
                    _log.warning("a recorded answer cannot be read: it is asked for anew")
                    asked = replace(asked, force_refresh=True, job_id=f"{asked.job_id}/{asked.token}")
                    continue
                return await self._reused(call, asked, turn, body)
            if turn.doubtful:
                _log.info("the same call was under way when its caller died: it may be paid for twice")
            if not await self._afford(keys, call, asked):
                await patience.wait("BUDGET_HELD", ROOM_LOOK_MS)
                continue
            try:
                reply = await self._send(keys, call, asked, send)
            except ProviderFailure as failure:
                if failure.error_class != "RATE_LIMITED":
                    raise
                # The whole queue waits now, and this call with it.
                asked = replace(asked, token=uuid.uuid4().hex)
                continue
            try:
                return await through(self._kept(keys, call, asked, reply, turn.doubtful))
            except asyncio.CancelledError:
                call.lost(self._purse.cost_of(call.model, reply.usage), 0)
                raise

    async def _turn(self, keys: ProviderKeys, asked: Asked, patience: Patience) -> Recorded | Granted:
        """Wait for the answer of another, or for leave to call; raises CallHeld if that takes too long."""
        look_ms: float = LOOK_FIRST_MS
        try:
            while True:
                reserve = calls.reserve(
                    keys, asked, longest_ms=patience.longest_ms, lease_ms=self._settings.lease_ms
                )
                match await self._store.run(reserve):
                    case Recorded() | Granted() as turn:
                        return turn
                    case Held(reason, until_ms):
                        # Slowly, so that a worker does not run through its whole queue to hold each job.
                        await asyncio.sleep(min(HOLD_PAUSE_MS, self._settings.longest_wait_ms) / 1000)
                        raise CallHeld(reason, until_ms)
                    case InFlight():
                        await self._arrival(asked.answer_id, look_ms)
                        look_ms = min(LOOK_MOST_MS, look_ms * 1.5)
                    case Wait(reason, wait_ms):
                        await patience.wait(reason, wait_ms)
        except BaseException:
            # A grant whose reply was lost, or a place in line, must not outlive its caller.
            await through(self._unsent(keys, asked))
            raise

    async def _unsent(self, keys: ProviderKeys, asked: Asked) -> None:
        """Give a turn back, or a place in line. If the store is away, it lapses by itself."""
        with contextlib.suppress(JobsError):
            await self._store.run(calls.release(keys, asked.token, Ended("")))

    async def _arrival(self, answer_id: str, look_ms: float) -> None:
        event = self._arrivals.setdefault(answer_id, asyncio.Event())
        try:
            async with asyncio.timeout(look_ms / 1000):
                await event.wait()
        except TimeoutError:
            return

    async def _afford(self, keys: ProviderKeys, call: Call, asked: Asked) -> bool:
        """Set the money aside. Returns False if others hold it for now; the turn is given back then."""
        try:
            if await self._purse.reserve(call, asked.token):
                return True
        except BaseException:
            await through(self._unsent(keys, asked))
            raise
        await through(self._unsent(keys, asked))
        return False

    async def _send(
        self, keys: ProviderKeys, call: Call, asked: Asked, send: Callable[[], Awaitable[Reply]]
    ) -> Reply:
        """Make the call, its lease kept up; a failure is told to all others before it is raised."""
        try:
            async with renewed(self._store, keys, asked, self._purse, call, self._settings.lease_ms):
                with self._under_way.one(call.job_id):
                    return await send()
        except ProviderFailure as failure:
            await through(self._failed(keys, call, asked, failure))
            raise
        except BaseException:
            # Stopped, or a fault of ours. What was sent may well be paid for.
            await through(self._stopped(keys, call, asked))
            raise

    async def _failed(self, keys: ProviderKeys, call: Call, asked: Asked, failure: ProviderFailure) -> None:
        ended = Ended(
            failure.error_class.value,
            failure.opens_circuit,
            failure.retry_after_ms,
            failure.reset_ms,
            self._settings.key_fingerprint,
        )
        released = await self._store.insist(calls.release(keys, asked.token, ended, failure.told))
        failure.own_fault = is_own_fault(released)
        failure.away_until_ms = away_until_ms(failure, released, until(0))
        if failure.may_be_paid:
            await self._purse.lose(call, asked.token)
        else:
            await self._purse.give_back(call, asked.token)

    async def _stopped(self, keys: ProviderKeys, call: Call, asked: Asked) -> None:
        await self._store.insist(calls.release(keys, asked.token, Ended("STOPPED")))
        await self._purse.lose(call, asked.token)

    async def _kept(
        self, keys: ProviderKeys, call: Call, asked: Asked, reply: Reply, doubtful: int
    ) -> Answer:
        used = reply.usage
        cost = self._purse.cost_of(call.model, used)
        body = self._keeping.pack(reply.body, asked.answer_id)
        paid = Paid(body, used.input_tokens, used.cached_input_tokens, used.output_tokens, cost)
        settings = self._settings
        await self._store.insist(
            calls.settle(
                keys,
                asked,
                paid,
                told_by(reply.headers),
                keep_ms=settings.keep_ms,
                keep_bytes=settings.keep_bytes,
            )
        )
        if (event := self._arrivals.pop(asked.answer_id, None)) is not None:
            event.set()
        await self._purse.pay(call, asked.token, used, cost)
        await self._notes.see_off(call, asked.answer_id)
        return Answer(
            reply.body, used, reused=False, cost_micro_usd=cost, saved_micro_usd=0, doubtful=doubtful
        )

    async def _reused(self, call: Call, asked: Asked, kept: Recorded, body: bytes) -> Answer:
        await self._purse.save(call, asked.token, kept.cost_micro_usd)
        usage = Usage(kept.input_tokens, kept.cached_tokens, kept.output_tokens)
        return Answer(body, usage, reused=True, cost_micro_usd=0, saved_micro_usd=kept.cost_micro_usd)
