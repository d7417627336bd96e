"""The file store for large arguments: whether there is one, where, and for what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

from common.files.content import Envelope
from common.files.files import FROM_BYTES, TIMEOUT_MS, Files
from common.files.opening import open_store
from common.settings.environment import Environment
from common.store.packing import MESSAGE_BYTES

_URL: Final = "JOB_PAYLOAD_STORE_URL"
_KEY: Final = "STORE_ENCRYPTION_KEY"


@dataclass(frozen=True, slots=True)
class FileSettings:
    """Where large arguments go. A URL may hold a login, so that it is not shown."""

    #: "": they stay in the store.
    url: str = field(default="", repr=False)
    #: Of compressed arguments that go there.
    from_bytes: int = FROM_BYTES
    timeout_ms: int = TIMEOUT_MS
    #: Seals them; "" for none.
    key: str = field(default="", repr=False)

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """Read the JOB_PAYLOAD_STORE_ variables, and STORE_ENCRYPTION_KEY if there is a URL."""
        settings = cls(
            url=environment.secret(_URL) or "",
            from_bytes=environment.integer(
                "JOB_PAYLOAD_STORE_FROM_BYTES", FROM_BYTES, minimum=1, maximum=MESSAGE_BYTES
            ),
            timeout_ms=environment.integer(
                "JOB_PAYLOAD_STORE_TIMEOUT_MS", TIMEOUT_MS, minimum=100, maximum=600_000
            ),
        )
        if not settings.url:
            return settings
        try:
            open_store(settings.url, settings.timeout_ms)
        except ValueError as error:
            environment.reject(_URL, str(error), show=False)
            return cls()
        key = environment.secret(_KEY) or ""
        try:
            Envelope(key)
        except ValueError as error:
            environment.reject(_KEY, str(error).removeprefix("must "), show=False)
            key = ""
        return cls(settings.url, settings.from_bytes, settings.timeout_ms, key)

    def open(self) -> Files | None:
        """Return the files, without asking the store anything; None if there is no URL."""
        if not self.url:
            return None
        return Files(
            open_store(self.url, self.timeout_ms),
            from_bytes=self.from_bytes,
            envelope=Envelope(self.key),
            timeout_ms=self.timeout_ms,
        )
