"""What a worker's paid calls read from its environment."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final, Self

from analysis_worker.paid.door import Door
from common.provider.models import ModelTable
from common.sealing import Sealer, key_of
from common.settings.environment import Environment
from common.settings.models import read_models
from common.store.provider.calls import KEEP_BYTES, KEEP_MS, LEASE_MS

_HOUR_MS: Final = 3_600_000
#: How long a call may take in all, unless set otherwise. The package would wait 600 s, three times.
TIMEOUT_MS: Final = 60_000
_KEY: Final = "STORE_ENCRYPTION_KEY"


@dataclass(frozen=True, slots=True)
class PaidSettings:
    """Which models there are, how long a call may take, and how long answers are kept."""

    models: ModelTable = field(default_factory=ModelTable)
    keep_ms: int = KEEP_MS
    #: Of one model's answers, compressed.
    keep_bytes: int = KEEP_BYTES
    timeout_ms: int = TIMEOUT_MS
    #: A call whose worker says nothing for so long is taken to be dead.
    lease_ms: int = LEASE_MS
    #: Seals what is kept; None: it is compressed only.
    sealer: Sealer | None = field(default=None, repr=False)
    #: Whose text may leave.
    door: Door = field(default_factory=Door)

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """Read STORE_ENCRYPTION_KEY, and the PROVIDER_ and OUTBOUND_ variables."""
        hours = environment.integer(
            "PROVIDER_ANSWERS_KEEP_HOURS", KEEP_MS // _HOUR_MS, minimum=0, maximum=87_600
        )
        keep_bytes = environment.integer("PROVIDER_ANSWERS_BYTES", KEEP_BYTES, minimum=0, maximum=2**40)
        timeout_ms = environment.integer("PROVIDER_TIMEOUT_MS", TIMEOUT_MS, minimum=100, maximum=3_600_000)
        lease_ms = environment.integer("PROVIDER_LEASE_MS", LEASE_MS, minimum=100, maximum=3_600_000)
        return cls(
            read_models(environment),
            hours * _HOUR_MS,
            keep_bytes,
            timeout_ms,
            lease_ms,
            _sealer(environment),
            Door.read(environment),
        )


def _sealer(environment: Environment) -> Sealer | None:
    key = environment.secret(_KEY)
    if key is None:
        return None
    try:
        return Sealer(key_of(key))
    except ValueError as error:
        environment.reject(_KEY, str(error).removeprefix("must "), show=False)
        return None


def fingerprint_of(key: str | None) -> str:
    """Return what tells one key from another, and says nothing of either; "" for none."""
    return "" if not key else hashlib.sha256(f"provider key\0{key}".encode()).hexdigest()[:16]
