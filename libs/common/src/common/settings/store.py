"""Where the one store is: a server, the master that Sentinels name, or a Cluster; and how it is reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit, urlunsplit

import redis.connection

from common.settings.environment import Address, Environment
from common.store.durability import EVERYSEC, Durability

_ADDRESSES: Final = "be hosts and ports, such as valkey-0:26379,valkey-1:26379"


@dataclass(frozen=True, slots=True)
class Sentinels:
    """Servers that know which of a group is the master now."""

    addresses: tuple[Address, ...]
    #: What they call the group.
    master: str
    #: Their own login, not the master's.
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Nodes of a cluster to learn all others from; one is enough while it lives."""

    nodes: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class StoreTls:
    """A TLS client's files. Without any it trusts the system's authorities and shows no certificate."""

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where Valkey or Redis is, and the prefix of every key."""

    #: Login, database and whether it is TLS; and the server's address, unless `where` says otherwise.
    #: Holds the password, hence kept out of the repr.
    redis_url: str = field(repr=False)
    namespace: str = "bothsides"
    #: None: the one server of the URL.
    where: Sentinels | Cluster | None = None
    tls: StoreTls = StoreTls()
    durability: Durability = EVERYSEC

    @property
    def is_tls(self) -> bool:
        return self.redis_url.startswith("rediss:")

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """Read NAMESPACE, STORE_DURABILITY, STORE_DURABLE_REPLICAS and the REDIS_ variables."""
        namespace = environment.text(
            "NAMESPACE",
            "bothsides",
            pattern=r"[a-z][a-z0-9_-]{0,39}",
            must='be lower-case letters, digits, "_" and "-", at most 40',
        )
        sentinels, cluster = _sentinels(environment), _cluster(environment)
        where = sentinels or cluster
        url = _url(environment, where)
        settings = cls(url, namespace, where, _tls(environment, url), _durability(environment))
        if isinstance(where, Cluster):
            _check_cluster_url(environment, url)
        return settings


def _sentinels(environment: Environment) -> Sentinels | None:
    addresses = environment.addresses("REDIS_SENTINELS", must=_ADDRESSES)
    master = environment.text("REDIS_SENTINEL_MASTER")
    username = environment.text("REDIS_SENTINEL_USERNAME") or None
    password = environment.secret("REDIS_SENTINEL_PASSWORD")
    if not environment.has("REDIS_SENTINELS"):
        for name in ("REDIS_SENTINEL_MASTER", "REDIS_SENTINEL_USERNAME", "REDIS_SENTINEL_PASSWORD"):
            if environment.has(name):
                environment.reject(name, "not be set without REDIS_SENTINELS", show=False)
        return None
    if not master:
        environment.reject("REDIS_SENTINEL_MASTER", "name the master that the REDIS_SENTINELS watch")
    for name in ("REDIS_URL", "REDIS_HOST"):
        if environment.has(name):
            environment.reject(
                name,
                "not be set together with REDIS_SENTINELS, which name the server: remove one; login and "
                "database go into REDIS_USERNAME, REDIS_PASSWORD and REDIS_DB",
                show=False,
            )
    return Sentinels(addresses, master, username, password)


def _cluster(environment: Environment) -> Cluster | None:
    nodes = environment.addresses("REDIS_CLUSTER_NODES", must=_ADDRESSES.replace("26379", "6379"))
    if not environment.flag("REDIS_CLUSTER"):
        if environment.has("REDIS_CLUSTER_NODES"):
            environment.reject("REDIS_CLUSTER_NODES", "not be set unless REDIS_CLUSTER is true")
        return None
    if environment.has("REDIS_SENTINELS"):
        environment.reject("REDIS_CLUSTER", "not be true together with REDIS_SENTINELS: remove one of them")
    return Cluster(nodes)


def _url(environment: Environment, where: Sentinels | Cluster | None) -> str:
    """Return the URL, made of parts where there is none, with the login that stands apart from it."""
    tls = environment.flag("REDIS_TLS")
    username = environment.text("REDIS_USERNAME")
    password = environment.secret("REDIS_PASSWORD")
    url = environment.secret("REDIS_URL")
    if url is None or isinstance(where, Sentinels):
        alone = where is None or where == Cluster(nodes=())
        return _with_login(_url_of_parts(environment, tls=tls, address=alone), username, password)
    if _parsed(url) is None:
        environment.reject(
            "REDIS_URL",
            "be like redis://user:password@host:6379/0, rediss:// or unix:// (not shown)",
            show=False,
        )
        return url
    if tls and not url.startswith("rediss:"):
        environment.reject("REDIS_TLS", "not be true unless REDIS_URL begins with rediss://")
    return _with_login(url, username, password)


def _url_of_parts(environment: Environment, *, tls: bool, address: bool) -> str:
    database = environment.integer("REDIS_DB", 0, minimum=0, maximum=1_000_000)
    host, port = "127.0.0.1", 6379
    if address:
        host = environment.host("REDIS_HOST", host)
        port = environment.integer("REDIS_PORT", port, minimum=1, maximum=65535)
    return f"{'rediss' if tls else 'redis'}://{host}:{port}/{database}"


def _with_login(url: str, username: str, password: str | None) -> str:
    """Return a URL with a login, unless it has one of its own."""
    parts = urlsplit(url)
    if "@" in parts.netloc or not (username or password):
        return url
    login = f"{quote(username, safe='')}:{quote(password or '', safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))


def _tls(environment: Environment, url: str) -> StoreTls:
    files = {
        name: environment.file(name)
        for name in ("REDIS_TLS_CA_FILE", "REDIS_TLS_CERT_FILE", "REDIS_TLS_KEY_FILE")
    }
    named = [name for name in files if environment.has(name)]
    if named and not url.startswith("rediss:"):
        environment.reject(
            named[0], "not be set while the store is reached without TLS: use rediss:// or REDIS_TLS=true"
        )
    certificate, key = "REDIS_TLS_CERT_FILE", "REDIS_TLS_KEY_FILE"
    if environment.has(certificate) != environment.has(key):
        missing, given = (key, certificate) if environment.has(certificate) else (certificate, key)
        environment.reject(missing, f"name a file when {given} does")
    return StoreTls(*files.values())


def _durability(environment: Environment) -> Durability:
    on_disk = environment.choice("STORE_DURABILITY", "EVERYSEC", ("EVERYSEC", "ALWAYS")) == "ALWAYS"
    replicas = environment.integer("STORE_DURABLE_REPLICAS", 0, minimum=0, maximum=10)
    return Durability(on_disk, replicas)


def _check_cluster_url(environment: Environment, url: str) -> None:
    parts = _parsed(url) or {}
    variable = "REDIS_URL" if environment.has("REDIS_URL") else "REDIS_DB"
    if "path" in parts:
        environment.reject(variable, "name a host and a port with REDIS_CLUSTER, not a socket", show=False)
    elif parts.get("db"):
        environment.reject(variable, "name database 0 with REDIS_CLUSTER: a cluster has no other", show=False)


def _parsed(url: str) -> dict[str, Any] | None:
    try:
        return dict(redis.connection.parse_url(url))  # type: ignore[no-untyped-call]  # it has no annotations
    except ValueError:
        return None
