"""Where a store is, as a service's environment names it, and clients of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis
import redis.cluster
import redis.sentinel

from common.broker import JobBroker
from common.settings import Cluster, Environment, Sentinels, StoreSettings
from common.store.clients import redis_client
from common.store.operation import Client
from support.topology import Server


@dataclass(frozen=True)
class Place:
    """A store that tests run on."""

    name: str
    #: What a service is told of it.
    variables: dict[str, str]
    #: All servers that hold data.
    servers: tuple[Server, ...]

    @property
    def settings(self) -> StoreSettings:
        environment = Environment(self.variables)
        settings = StoreSettings.read(environment)
        environment.check()
        return settings

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Return the platform's own client."""
        client = redis_client(self.settings)
        try:
            yield client
        finally:
            client.close()

    @contextmanager
    def plain_client(self) -> Iterator[Client]:
        """Return a client as redis-py's documentation makes it, with every default."""
        client: Any
        match self.settings.where:
            case None:
                client = redis.Redis.from_url(self.settings.redis_url, protocol=2)
            case Sentinels() as sentinels:
                pairs = [(address.host, address.port) for address in sentinels.addresses]
                client = redis.sentinel.Sentinel(pairs).master_for(sentinels.master, protocol=2)  # type: ignore[no-untyped-call]
            case Cluster() as cluster:
                client = redis.RedisCluster(cluster.nodes[0].host, cluster.nodes[0].port, protocol=2)
        try:
            yield client
        finally:
            client.close()

    @contextmanager
    def broker(self, **options: Any) -> Iterator[JobBroker]:
        with self.client() as client:
            broker = JobBroker(client, **options)
            try:
                yield broker
            finally:
                broker.close()

    def empty(self) -> None:
        """Remove everything."""
        with self.client() as client:
            client.flushall()
