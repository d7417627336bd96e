"""TLS to the store in each of its shapes. The servers here cannot speak it: a relay before each does."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from bothsides_stack.ports import LOOPBACK
from common.errors import StoreUnavailable
from common.store import queues
from common.store.clients import async_redis_client
from common.store.operation import AsyncRunner, SyncRunner
from support.places import Place
from support.relay import Relay, relay
from support.topology import MASTER_NAME, ClusterOfServers, Server, server


class Authority:
    """Certificates of one authority, as files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.ca_file))
        self.certificate_file, self.key_file = folder / "client.pem", folder / "client.key"
        client = self._ca.issue_cert("client@bothsides.example")
        client.cert_chain_pems[0].write_to_path(str(self.certificate_file))
        client.private_key_pem.write_to_path(str(self.key_file))

    def server_context(self, name: str = LOOPBACK, *, asks: bool = False) -> ssl.SSLContext:
        """Return the TLS of a server of that name; with `asks`, clients must show a certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._ca.issue_cert(name).configure_cert(context)
        if asks:
            self._ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    @property
    def trusted(self) -> dict[str, str]:
        return {"REDIS_TLS_CA_FILE": str(self.ca_file)}

    @property
    def shown(self) -> dict[str, str]:
        return {
            "REDIS_TLS_CERT_FILE": str(self.certificate_file),
            "REDIS_TLS_KEY_FILE": str(self.key_file),
        }


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as running:
        yield running


async def use(variables: dict[str, str]) -> None:
    """Write and read through both clients."""
    place = Place("tls", variables, ())
    with place.client() as client:
        SyncRunner(client).run(queues.declare_queue("tls", "one"))
    async with async_redis_client(place.settings) as loop_client:
        assert await AsyncRunner(loop_client).run(queues.list_queues("tls")) == ["one"]


async def refuse(variables: dict[str, str]) -> None:
    """Expect that neither client gets through."""
    place = Place("tls", variables, ())
    with place.client() as client, pytest.raises(StoreUnavailable):
        SyncRunner(client).run(queues.list_queues("tls"))
    async with async_redis_client(place.settings) as loop_client:
        with pytest.raises(StoreUnavailable):
            await AsyncRunner(loop_client).run(queues.list_queues("tls"))


def url(through: Relay) -> dict[str, str]:
    return {"REDIS_URL": f"rediss://{LOOPBACK}:{through.port}/0"}


async def test_one_server(authority: Authority, stack: ExitStack, tmp_path: Path) -> None:
    own = stack.enter_context(server(tmp_path / "own"))
    through = stack.enter_context(relay(own.port, tls=authority.server_context()))

    await use(url(through) | authority.trusted)
    assert through.encrypted >= 2


async def test_one_server_that_asks_for_a_certificate(
    authority: Authority, stack: ExitStack, tmp_path: Path
) -> None:
    own = stack.enter_context(server(tmp_path / "own"))
    through = stack.enter_context(relay(own.port, tls=authority.server_context(asks=True)))

    await use(url(through) | authority.trusted | authority.shown)
    await refuse(url(through) | authority.trusted)


async def test_a_server_that_is_not_trusted_or_has_another_name_is_refused(
    authority: Authority, stack: ExitStack, tmp_path: Path
) -> None:
    own = stack.enter_context(server(tmp_path / "own"))
    through = stack.enter_context(relay(own.port, tls=authority.server_context()))
    renamed = stack.enter_context(relay(own.port, tls=authority.server_context("elsewhere.example")))

    await refuse(url(through) | Authority(tmp_path / "other").trusted)
    await refuse(url(through))
    await refuse(url(renamed) | authority.trusted)


async def test_a_sentinels_master_and_the_sentinels(
    authority: Authority, stack: ExitStack, tmp_path: Path
) -> None:
    own = stack.enter_context(server(tmp_path / "own"))
    context = authority.server_context()
    to_master = stack.enter_context(relay(own.port, tls=context))
    # The sentinel itself speaks no TLS to the master, which the relay lets it.
    watch = {"sentinel": f"monitor {MASTER_NAME} {LOOPBACK} {to_master.port} 1"}
    sentinel = Server(tmp_path / "sentinel", watch, sentinel=True)
    stack.callback(sentinel.stop)
    sentinel.start()
    to_sentinel = stack.enter_context(relay(sentinel.port, tls=context))

    await use(
        {
            "REDIS_SENTINELS": f"{LOOPBACK}:{to_sentinel.port}",
            "REDIS_SENTINEL_MASTER": MASTER_NAME,
            "REDIS_TLS": "true",
            **authority.trusted,
        }
    )
    assert to_master.encrypted >= 2
    assert to_sentinel.encrypted >= 2


async def test_the_nodes_of_a_cluster(authority: Authority, stack: ExitStack, tmp_path: Path) -> None:
    cluster = ClusterOfServers(tmp_path / "cluster", 2, 0, {})
    stack.callback(cluster.stop)
    relays = []
    for node in cluster.nodes:
        relays.append(stack.enter_context(relay(node.port, tls=authority.server_context())))
        node.set("cluster-announce-port", str(relays[-1].port))
    cluster.start()

    nodes = f"{LOOPBACK}:{relays[0].port}"
    await use(
        {"REDIS_CLUSTER": "true", "REDIS_CLUSTER_NODES": nodes, "REDIS_TLS": "true", **authority.trusted}
    )
    assert sum(each.encrypted for each in relays) >= 2
