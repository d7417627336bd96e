"""Whether a failure shows that the provider is away, so that a job that waits loses no attempt by it.

One failure may be the request's own fault. The second in a row, by whomever, says that nobody was answered in
between; and an open circuit, that nobody was for long. But a call is made twice before its job hears of it,
and opens a circuit where few others are made. So each request's failures are counted for themselves too:
where others were answered between them, again and again, the provider is not away.
"""

from __future__ import annotations

from typing import Final

from common.job.retry import RULES
from common.provider.errors import ProviderFailure
from common.store.provider.calls import Released

#: A request that has failed so often, while others were answered in between each time, is at fault itself.
OWN_FAILURES: Final = 5
#: From so many failures in a row on, nobody is answered.
AWAY_FAILURES: Final = 2
#: While the circuit is not open yet, the job asks again after this (ms).
AGAIN_MS: Final = 5_000
#: An open circuit is looked at anew after this at the latest (ms), as an operator may close it.
LOOK_MS: Final = 60_000
#: Whose call has opened a circuit comes later than those who were held, by as long again, at most this (ms).
#: Where it is the request that makes the provider fail, the others' calls show that it is not away.
BEHIND_MS: Final = 30_000


def is_own_fault(released: Released | None) -> bool:
    """Say whether it is the request that makes the provider fail."""
    return released is not None and released.own_failures >= OWN_FAILURES


def away_until_ms(failure: ProviderFailure, released: Released | None, now_ms: int) -> int | None:
    """Return when to ask again (Unix ms); None if the provider is not away, or attempts are not spent anyway.

    Args:
        released: What the store said of the call's end; None if it did not answer.
    """
    if is_own_fault(released):
        return None
    if released is None or not (failure.opens_circuit and RULES[failure.error_class].spends_attempt):
        return None
    if released.open_until_ms is not None:
        away_ms = min(LOOK_MS, max(0, released.open_until_ms - now_ms))
        return now_ms + away_ms + min(BEHIND_MS, away_ms)
    if failure.retry_after_ms is not None:
        return now_ms + failure.retry_after_ms
    return now_ms + AGAIN_MS if released.failures >= AWAY_FAILURES else None
