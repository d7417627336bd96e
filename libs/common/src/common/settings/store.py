"""Where the one store is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote

import redis.connection

from common.settings.environment import Environment


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where Valkey or Redis is, and the prefix of every key."""

    #: Holds the password, hence kept out of the repr.
    redis_url: str = field(repr=False)
    namespace: str = "bothsides"

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """Read REDIS_URL, or else REDIS_HOST, REDIS_PORT, REDIS_PASSWORD and REDIS_DB; and NAMESPACE."""
        namespace = environment.text(
            "NAMESPACE",
            "bothsides",
            pattern=r"[a-z][a-z0-9_-]{0,39}",
            must='be lower-case letters, digits, "_" and "-", at most 40',
        )
        url = environment.secret("REDIS_URL")
        if url is None:
            url = _url_of_parts(environment)
        elif not _is_redis_url(url):
            environment.reject(
                "REDIS_URL",
                "be like redis://:password@host:6379/0, rediss:// or unix:// (not shown)",
                show=False,
            )
        return cls(url, namespace)


def _url_of_parts(environment: Environment) -> str:
    host = environment.host("REDIS_HOST", "127.0.0.1")
    port = environment.integer("REDIS_PORT", 6379, minimum=1, maximum=65535)
    database = environment.integer("REDIS_DB", 0, minimum=0, maximum=1_000_000)
    password = environment.secret("REDIS_PASSWORD")
    login = f":{quote(password, safe='')}@" if password is not None else ""
    return f"redis://{login}{host}:{port}/{database}"


def _is_redis_url(url: str) -> bool:
    try:
        redis.connection.parse_url(url)  # type: ignore[no-untyped-call]  # it has no annotations
    except ValueError:
        return False
    return True
