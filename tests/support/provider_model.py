"""A model at its provider as plain Python: what the scripts decide, with nothing of how they keep it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from common.provider.limits import MINUTE_MS, ProviderLimits, Quota, Told
from common.store.provider.calls import (
    Asked,
    Ended,
    Granted,
    Held,
    InFlight,
    Paid,
    Recorded,
    Released,
    Verdict,
    Wait,
)

#: As the scripts have them.
ARRIVAL_MS = 3_000
FLIGHT_FIRST = 8.0
FLIGHT_MAX = 1_000.0
FAILURES_MAX = 5
TOGETHER_MS = 5_000
RAMP_CALLS = 10
BURST_SHARE = 1 / 12
BURST_FLAT_MS = 120_000
BURST_GROWS_MS = 120_000
LOOK_MS = 60_000
SPREAD_MS = 60_000
QUOTA_MS = 300_000
GRACE_MS = 3_000
BOOK_MAX_MS = 60_000
REASONS = ("REQUEST_LIMIT", "TOKEN_LIMIT", "INPUT_TOKEN_LIMIT", "OUTPUT_TOKEN_LIMIT")
Amounts = tuple[float, float, float, float]


def amounts_of(asked: Asked) -> Amounts:
    whole = asked.input_tokens + asked.output_tokens
    return (1, whole, asked.input_tokens, asked.expected_output_tokens)


@dataclass
class Bucket:
    """What is left of one limit."""

    rate: float
    capacity: float
    level: float


@dataclass
class Waiting:
    """A call in line."""

    asked: Asked
    begins: float
    share: float
    until_ms: float


@dataclass
class Flying:
    """A call under way."""

    asked: Asked
    granted_ms: int
    #: What had been granted in all, this call included, when it was.
    sums: list[float]
    lease_ms: float


@dataclass
class Circuit:
    """Closed unless it says otherwise."""

    state: str = "CLOSED"
    until_ms: float = 0
    reason: str = ""
    key: str = ""
    opened: int = 0
    opened_ms: int = 0
    failures: int = 0
    probe: str = ""
    ramped: int = 0


@dataclass
class ModelProvider:
    """One model of a provider: the same operations as the scripts, on a clock that is passed in."""

    limits: ProviderLimits = field(default_factory=ProviderLimits)
    told: dict[int, Quota] = field(default_factory=dict)
    levels: dict[int, float] = field(default_factory=dict)
    at_ms: int | None = None
    sums: list[float] = field(default_factory=lambda: [0.0] * 4)
    line: dict[str, Waiting] = field(default_factory=dict)
    flying: dict[str, Flying] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    doubts: dict[str, int] = field(default_factory=dict)
    #: How many calls were answered; and by answer id, how often others were between failures, how many were
    #: by the last one, and when it was last more than before.
    answered: int = 0
    faults: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    answers: dict[str, tuple[Recorded, int]] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    vtime: float = 0.0
    #: None: nothing has been learned yet.
    learned: float | None = None
    threshold: float = FLIGHT_MAX
    cut_ms: float = -1e15
    #: What it was when the failures in a row began.
    flight_was: float | None = None
    latency: float | None = None
    pause_ms: float = 0
    pauses: int = 0
    booked_ms: float = 0
    spread_ms: float = 0
    #: When the model was last back after it had been away.
    back_ms: float = -1e15
    circuit: Circuit = field(default_factory=Circuit)
    now_ms: int = 0

    @property
    def flight(self) -> float:
        if self.learned is None:
            return self.limits.in_flight or FLIGHT_FIRST
        return self.learned

    @flight.setter
    def flight(self, value: float) -> None:
        self.learned = value

    # -- asking ----------------------------------------------------------------------------------

    def reserve(self, asked: Asked, *, longest_ms: int, lease_ms: int, now_ms: int) -> Verdict:
        self._begin(now_ms)
        if asked.token in self.flying:
            self.flying[asked.token].lease_ms = self.now_ms + lease_ms
            return Granted(0)
        kept = self.answers.get(asked.answer_id)
        if (
            kept is not None
            and kept[1] > now_ms
            and (not asked.force_refresh or kept[0].job_id == asked.job_id)
        ):
            self._leave(asked.token)
            return kept[0]
        holder = None if asked.force_refresh else self.claims.get(asked.answer_id)
        if holder is not None:
            self._leave(asked.token)
            return InFlight(int(self.flying[holder].lease_ms) - self.now_ms)
        blocked = self._blocked(asked.key_fingerprint)
        if blocked is not None:
            self._leave(asked.token)
            reason, look_ms = blocked
            if look_ms - self.now_ms > longest_ms:
                return Held(reason, int(self._spread(look_ms, amounts_of(asked), self._buckets())))
            return Wait(reason, int(look_ms - self.now_ms))
        return self._turn(asked, longest_ms, lease_ms)

    def _turn(self, asked: Asked, longest_ms: int, lease_ms: int) -> Verdict:
        buckets = self._buckets()
        amounts = amounts_of(asked)
        mine = self.line.get(asked.token)
        share = (asked.input_tokens + asked.expected_output_tokens) / asked.weight
        begins = mine.begins if mine else max(self.vtime, self.shares.get(asked.tenant, 0.0))
        ahead = [
            waiting
            for token, waiting in self.line.items()
            if token != asked.token
            and (
                waiting.begins < begins
                or (waiting.begins == begins and (mine is None or token < asked.token))
            )
        ]
        for waiting in [each for each in ahead if each.until_ms < self.now_ms]:
            self._leave(waiting.asked.token)
            ahead.remove(waiting)
        wait_ms, reason = self._wait(amounts, [amounts_of(each.asked) for each in ahead], buckets)
        if wait_ms > longest_ms:
            self._leave(asked.token)
            if reason == "PROVIDER_PAUSED":
                look_ms = self.now_ms + min(wait_ms, LOOK_MS)
                return Held(reason, int(self._spread(look_ms, amounts, buckets)))
            return Held(reason, self.now_ms + self._book(amounts, wait_ms, buckets))
        if mine is None:
            self.shares[asked.tenant] = begins + share
        if wait_ms > 0:
            look_ms = max(20, min(wait_ms, 1_000 + len(ahead) * 10))
            self.line[asked.token] = Waiting(asked, begins, share, self.now_ms + look_ms + GRACE_MS)
            return Wait(reason, look_ms)
        self.line.pop(asked.token, None)
        self.vtime = max(self.vtime, begins)
        for place, amount in enumerate(amounts):
            self.sums[place] += amount
            if place in buckets:
                buckets[place].level -= amount
        self.flying[asked.token] = Flying(asked, self.now_ms, list(self.sums), self.now_ms + lease_ms)
        if not asked.force_refresh:
            self.claims[asked.answer_id] = asked.token
        if self.circuit.state == "PROBING":
            self.circuit.probe = asked.token
        self._save(buckets)
        return Granted(self.doubts.get(asked.answer_id, 0))

    def _wait(self, amounts: Amounts, ahead: list[Amounts], buckets: dict[int, Bucket]) -> tuple[int, str]:
        waits: list[tuple[float, str]] = [(self.pause_ms - self.now_ms, "PROVIDER_PAUSED")]
        may = self.may_fly()
        over = len(self.flying) + len(ahead) + 1 - may
        if over > 0:
            waits.append(
                (max(1.0, over * (1_000 if self.latency is None else self.latency) / may), "IN_FLIGHT_LIMIT")
            )
        for place, bucket in sorted(buckets.items()):
            missing = sum(each[place] for each in ahead) + min(amounts[place], bucket.capacity) - bucket.level
            if missing > 0:
                waits.append((max(1.0, missing / bucket.rate), REASONS[place]))
        longest = max(wait for wait, _ in waits)
        if longest <= 0:
            return 0, ""
        return math.ceil(longest), next(reason for wait, reason in waits if wait == longest)

    def _each(self, amounts: Amounts, buckets: dict[int, Bucket]) -> float:
        each = (1_000 if self.latency is None else self.latency) / self.may_fly()
        return max([each, *(amounts[place] / bucket.rate for place, bucket in buckets.items())])

    def _spread(self, look_ms: float, amounts: Amounts, buckets: dict[int, Bucket]) -> float:
        at_ms = self.spread_ms
        if not look_ms <= at_ms < look_ms + SPREAD_MS:
            at_ms = look_ms
        self.spread_ms = at_ms + self._each(amounts, buckets)
        return math.ceil(at_ms)

    def _book(self, amounts: Amounts, wait_ms: int, buckets: dict[int, Bucket]) -> int:
        each = self._each(amounts, buckets)
        booked = max(self.booked_ms, self.now_ms + wait_ms)
        most = self.now_ms + max(wait_ms, BOOK_MAX_MS)
        self.booked_ms = min(most, booked + each)
        return math.ceil(min(most, booked) - self.now_ms)

    def may_fly(self) -> int:
        most = min(FLIGHT_MAX, self.limits.in_flight or FLIGHT_MAX)
        return int(max(1, min(most, math.floor(self.flight))))

    # -- ending ----------------------------------------------------------------------------------

    def settle(self, asked: Asked, paid: Paid, told: Told, *, keep_ms: int, now_ms: int) -> bool:
        self.now_ms = max(self.now_ms, now_ms)
        flying = len(self.flying)
        buckets = self._buckets()
        used = (
            1.0,
            float(paid.input_tokens + paid.output_tokens),
            float(paid.input_tokens),
            float(paid.output_tokens),
        )
        ended = self._end(asked.token, used, told, buckets)
        if ended is not None:
            took = self.now_ms - ended.granted_ms
            self.latency = (took if self.latency is None else self.latency) * 0.8 + took * 0.2
            if flying * 2 >= self.flight:
                step = 1.0 if self.flight < self.threshold else 1 / self.flight
                self.flight = min(FLIGHT_MAX, self.flight + step)
            self._went_well(asked.token)
            self.pauses = 0
            self.answered += 1
        if keep_ms > 0:
            recorded = Recorded(
                paid.body,
                asked.job_id,
                paid.input_tokens,
                paid.cached_tokens,
                paid.output_tokens,
                paid.cost_micro_usd,
            )
            self.answers[asked.answer_id] = (recorded, now_ms + keep_ms)
        self.doubts.pop(asked.answer_id, None)
        self.faults.pop(asked.answer_id, None)
        self._save(buckets)
        return ended is not None

    def release(self, token: str, ended: Ended, told: Told, *, now_ms: int) -> Released:
        self.now_ms = max(self.now_ms, now_ms)
        left = self._leave(token)
        buckets = self._buckets()
        own = 0
        call = self._end(token, (0.0, 0.0, 0.0, 0.0) if ended.error_class == "" else None, told, buckets)
        if call is not None:
            if ended.error_class == "":
                for place, amount in enumerate(amounts_of(call.asked)):
                    self.sums[place] -= amount
            elif ended.error_class == "RATE_LIMITED":
                self.pauses += 1
                pause = ended.retry_after_ms
                if pause is None:
                    pause = min(60_000, 1_000 * 2 ** min(10, self.pauses - 1))
                self.pause_ms = max(self.pause_ms, self.now_ms + pause)
                self.back_ms = max(self.back_ms, self.pause_ms)
                self._fly_less()
            elif ended.opens_circuit:
                if self.circuit.failures == 0 and self.circuit.state == "CLOSED":
                    self.flight_was = self.flight
                self._fly_less()
                if ended.error_class not in ("QUOTA_EXHAUSTED", "AUTHENTICATION"):
                    own = self._own_failures(call.asked.answer_id)
                self._went_wrong(call, ended)
            elif ended.error_class != "STOPPED":
                self._went_well(token)
        self._save(buckets)
        circuit = self.circuit
        until_ms = int(circuit.until_ms) if circuit.state == "OPEN" else None
        return Released(call is not None or left, circuit.failures, until_ms, own)

    def _own_failures(self, answer_id: str) -> int:
        times, before, at_ms = self.faults.get(answer_id, (0, self.answered, 0))
        if self.answered > before:
            times, at_ms = times + 1, self.now_ms
        self.faults[answer_id] = (times, self.answered, at_ms)
        return times if self.now_ms - at_ms <= TOGETHER_MS else 0

    def renew(self, token: str, *, lease_ms: int, now_ms: int) -> bool:
        self._begin(now_ms)
        if token not in self.flying:
            return False
        self.flying[token].lease_ms = self.now_ms + lease_ms
        return True

    def set_limits(self, limits: ProviderLimits, *, now_ms: int) -> None:
        self._begin(now_ms)
        buckets = self._buckets()
        self.limits = limits
        self._save(buckets)
        self._save(self._buckets())

    def close_circuit(self, *, now_ms: int) -> None:
        self.set_limits(self.limits, now_ms=now_ms)
        if self.circuit.state in ("OPEN", "PROBING"):
            self._come_back()
        elif self.pause_ms > self.now_ms:
            self.back_ms = self.now_ms
        self.circuit = Circuit()
        self.pause_ms = 0

    # -- parts -----------------------------------------------------------------------------------

    def _begin(self, now_ms: int) -> None:
        """Move the clock, and free what callers that are silent held."""
        self.now_ms = max(self.now_ms, now_ms)
        for token, call in list(self.flying.items()):
            if call.lease_ms <= self.now_ms:
                del self.flying[token]
                if self.claims.get(call.asked.answer_id) == token:
                    del self.claims[call.asked.answer_id]
                self.doubts[call.asked.answer_id] = self.doubts.get(call.asked.answer_id, 0) + 1

    def _limit(self, place: int) -> tuple[float, float, bool] | None:
        own = (self.limits.requests, self.limits.tokens, self.limits.input_tokens, self.limits.output_tokens)[
            place
        ]
        told = self.told.get(place)
        if told is not None and (own is None or told.limit / told.period_ms <= own / MINUTE_MS):
            return told.limit, told.period_ms, True
        return None if own is None else (own, MINUTE_MS, False)

    def _buckets(self) -> dict[int, Bucket]:
        buckets = {}
        for place in range(4):
            limit = self._limit(place)
            if limit is not None:
                most, period, _ = limit
                rate, capacity = most / period, self._capacity(most, period)
                elapsed = self.now_ms - (self.now_ms if self.at_ms is None else self.at_ms)
                level = min(capacity, self.levels.get(place, capacity) + rate * elapsed)
                buckets[place] = Bucket(rate, capacity, level)
        return buckets

    def _capacity(self, most: float, period: float) -> float:
        whole = most - most / period * min(ARRIVAL_MS, period / 2)
        since = self.now_ms - self.back_ms
        if period > MINUTE_MS or since >= BURST_FLAT_MS + BURST_GROWS_MS:
            return whole
        least = min(whole, most * BURST_SHARE)
        return least + (whole - least) * max(0, since - BURST_FLAT_MS) / BURST_GROWS_MS

    def _save(self, buckets: dict[int, Bucket]) -> None:
        self.levels = {place: bucket.level for place, bucket in buckets.items()}
        self.at_ms = self.now_ms

    def _leave(self, token: str) -> bool:
        waiting = self.line.pop(token, None)
        if waiting is not None:
            tenant = waiting.asked.tenant
            self.shares[tenant] = self.shares.get(tenant, 0.0) - waiting.share
        return waiting is not None

    def _end(self, token: str, used: Amounts | None, told: Told, buckets: dict[int, Bucket]) -> Flying | None:
        call = self.flying.pop(token, None)
        if call is None:
            return None
        if self.claims.get(call.asked.answer_id) == token:
            del self.claims[call.asked.answer_id]
        for place, amount in enumerate(amounts_of(call.asked)):
            quota = (told.requests, told.tokens, None, None)[place]
            if quota is not None:
                self._believe(place, quota, call, buckets)
            elif used is not None and place in buckets:
                bucket = buckets[place]
                bucket.level = min(bucket.capacity, bucket.level + amount - used[place])
        return call

    def _believe(self, place: int, quota: Quota, call: Flying, buckets: dict[int, Bucket]) -> None:
        held = buckets.get(place)
        self.told[place] = quota
        limit = self._limit(place)
        assert limit is not None
        most, period, told = limit
        rate, capacity = most / period, self._capacity(most, period)
        since = max(0, self.now_ms - call.granted_ms - ARRIVAL_MS)
        seen = min(capacity, quota.remaining + quota.limit / quota.period_ms * since)
        seen -= self.sums[place] - call.sums[place]
        for other in self.flying.values():
            if other.granted_ms > self.now_ms - ARRIVAL_MS and other.sums[place] < call.sums[place]:
                seen -= amounts_of(other.asked)[place]
        level = seen if told else min(seen, held.level if held else capacity)
        buckets[place] = Bucket(rate, capacity, level)

    def _fly_less(self) -> None:
        if self.now_ms - self.cut_ms < (1_000 if self.latency is None else self.latency):
            return
        self.flight = max(1.0, self.flight * 0.7)
        self.threshold = self.flight
        self.cut_ms = self.now_ms

    # -- the circuit -----------------------------------------------------------------------------

    def _blocked(self, key: str) -> tuple[str, float] | None:
        circuit = self.circuit
        if circuit.state == "OPEN":
            other = circuit.key != "" and circuit.key != key
            waits_for_key = circuit.reason == "AUTHENTICATION"
            if not other and (waits_for_key or self.now_ms < circuit.until_ms):
                told = circuit.reason in ("AUTHENTICATION", "QUOTA_EXHAUSTED")
                look_ms = self.now_ms + LOOK_MS
                if not waits_for_key:
                    return circuit.reason if told else "CIRCUIT_OPEN", min(look_ms, circuit.until_ms)
                return circuit.reason, look_ms
            circuit.state = "PROBING"
        if circuit.state == "PROBING" and circuit.probe in self.flying:
            return "CIRCUIT_PROBING", self.now_ms + max(
                100.0, 1_000 if self.latency is None else self.latency
            )
        return None

    def _come_back(self) -> None:
        """Begin with few calls, and little saved up."""
        self.back_ms = self.now_ms
        self.threshold = max(2.0, self.flight if self.flight_was is None else self.flight_was)
        self.flight = 2.0

    def _went_well(self, token: str) -> None:
        circuit = self.circuit
        circuit.failures = 0
        if circuit.state == "PROBING" and circuit.probe == token:
            circuit.state, circuit.ramped, circuit.probe = "RAMPING", 0, ""
            self._come_back()
        elif circuit.state == "RAMPING":
            circuit.ramped += 1
            if circuit.ramped >= RAMP_CALLS:
                self.circuit = Circuit()

    def _went_wrong(self, call: Flying, ended: Ended) -> None:
        circuit = self.circuit
        if circuit.state == "OPEN" and circuit.reason == "AUTHENTICATION":
            return
        if ended.error_class == "AUTHENTICATION":
            self._open(ended, LOOK_MS, ended.key_fingerprint)
        elif ended.error_class == "QUOTA_EXHAUSTED":
            reset = ended.reset_ms if ended.reset_ms is not None else ended.retry_after_ms
            self._open(ended, QUOTA_MS if reset is None else reset, ended.key_fingerprint)
        elif circuit.state == "CLOSED" or call.granted_ms > circuit.opened_ms:
            circuit.failures += 1
            if circuit.state != "CLOSED" or circuit.failures >= FAILURES_MAX:
                reset = ended.reset_ms if ended.reset_ms is not None else ended.retry_after_ms
                self._open(ended, reset, "")

    def _open(self, ended: Ended, hold_ms: float | None, key: str) -> None:
        circuit = self.circuit
        circuit.opened += 1
        hold = min(60_000, 5_000 * 2 ** min(10, circuit.opened - 1)) if hold_ms is None else hold_ms
        circuit.state, circuit.until_ms, circuit.reason = "OPEN", self.now_ms + hold, ended.error_class
        circuit.key, circuit.opened_ms, circuit.probe, circuit.failures = key, self.now_ms, "", 0
