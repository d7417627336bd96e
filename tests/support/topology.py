"""Servers for tests in the shapes that the platform runs on: one, a master under sentinels, a cluster.

Each is a real Valkey (or Redis) that this process starts and ends.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import redis
import redis.exceptions

from bothsides_stack.children import ChildProcess
from bothsides_stack.ports import LOOPBACK, free_port
from bothsides_stack.server_program import find_server_program
from support.waiting import wait_until

SLOTS: Final = 16_384
#: What sentinels call the group.
MASTER_NAME: Final = "jobs"
#: A server that is silent for longer counts as down (ms): for sentinels, and for the nodes of a cluster.
DOWN_AFTER_MS: Final = 500
NODE_TIMEOUT_MS: Final = 1_000


class Server:
    """One server process with settings of a test's choice.

    Args:
        folder: For its files; its own.
        settings: Lines of its configuration; a name may have several values.
        sentinel: Run it as a sentinel.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, str | Sequence[str]] = {}, *, sentinel: bool = False
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.folder = folder
        self._sentinel = sentinel
        self._settings = dict(settings)
        self._child: ChildProcess | None = None

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        return f"redis://{self.address}/0"

    @property
    def child(self) -> ChildProcess:
        assert self._child is not None
        return self._child

    def client(self, **options: Any) -> redis.Redis:
        """Return a client of this very server, for the test's own use."""
        return redis.Redis(port=self.port, protocol=2, **options)

    def set(self, name: str, value: str) -> None:
        """Add a line to its configuration, before its first start."""
        self._settings[name] = value

    def start(self, *, wait: bool = True) -> Self:
        """Start it, or start it again with its files; wait until it answers."""
        config = self.folder / "server.conf"
        if not config.exists():  # sentinels and nodes write theirs anew
            config.write_text("".join(f"{line}\n" for line in self._lines()))
        self._child = ChildProcess(
            f"server-{self.port}",
            [str(find_server_program()), str(config), *(["--sentinel"] if self._sentinel else [])],
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            log_path=self.folder / "log",
            cwd=self.folder,
        )
        self._child.start()
        if wait:
            wait_until(self._answers)
        return self

    def is_loading(self) -> bool:
        """Whether it says that it is reading its files."""
        try:
            with self.client(**self._login(), retry=None) as client:
                client.ping()
        except redis.exceptions.BusyLoadingError:
            return True
        except redis.exceptions.RedisError:
            pass
        return False

    def kill(self) -> None:
        """SIGKILL it, as a crash would."""
        self.child.kill()

    def freeze(self) -> None:
        """Stop it from running, so that its connections stay and nothing answers."""
        self.child.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.child.signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._child is not None:
            self.thaw()
            self._child.kill()

    def info(self, section: str) -> dict[str, Any]:
        with self.client(**self._login()) as client:
            facts: dict[str, Any] = client.info(section)
            return facts

    def _login(self) -> dict[str, Any]:
        password = self._settings.get("requirepass")
        return {"password": password} if password else {}

    def _lines(self) -> Iterator[str]:
        base = {"bind": LOOPBACK, "port": str(self.port), "dir": f'"{self.folder}"'}
        if not self._sentinel:
            base |= {"appendonly": "yes", "save": '""', "maxmemory-policy": "noeviction"}
            base |= {"repl-diskless-sync-delay": "0"}  # a primary waits 5 s for more replicas else
        for name, value in {**base, **self._settings}.items():
            for each in [value] if isinstance(value, str) else value:
                yield f"{name} {each}"

    def _answers(self) -> bool:
        assert self.child.running, self.child.last_lines()
        try:
            with self.client(**self._login(), retry=None, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.exceptions.RedisError:
            return False


@contextmanager
def server(folder: Path, settings: Mapping[str, str | Sequence[str]] = {}) -> Iterator[Server]:
    """Run one server until the block ends."""
    one = Server(folder, settings)
    try:
        yield one.start()
    finally:
        one.stop()


class SentinelGroup:
    """A master, its replicas, and three sentinels that watch them."""

    def __init__(self, folder: Path, replicas: int, settings: Mapping[str, str]) -> None:
        self.servers = [Server(folder / "master", settings)]
        first = self.servers[0].port
        self.servers += [
            Server(folder / f"replica-{i}", {**settings, "replicaof": f"{LOOPBACK} {first}"})
            for i in range(replicas)
        ]
        watch = {
            "sentinel": [
                f"monitor {MASTER_NAME} {LOOPBACK} {first} 2",
                f"down-after-milliseconds {MASTER_NAME} {DOWN_AFTER_MS}",
                f"failover-timeout {MASTER_NAME} 5000",
            ]
        }
        self.sentinels = [Server(folder / f"sentinel-{i}", watch, sentinel=True) for i in range(3)]

    def start(self) -> None:
        """Start all, and wait until every sentinel knows the replicas and the other sentinels."""
        for one in (*self.servers, *self.sentinels):
            one.start()
        wait_until(self._is_whole)

    def stop(self) -> None:
        for one in (*self.sentinels, *self.servers):
            one.stop()

    @property
    def addresses(self) -> str:
        """What REDIS_SENTINELS is set to."""
        return ",".join(sentinel.address for sentinel in self.sentinels)

    @property
    def variables(self) -> dict[str, str]:
        return {"REDIS_SENTINELS": self.addresses, "REDIS_SENTINEL_MASTER": MASTER_NAME}

    def master(self) -> Server:
        """Return the server that the sentinels call the master now."""
        with self.sentinels[0].client() as client:
            state: dict[str, Any] = client.sentinel_masters()[MASTER_NAME]
        return next(one for one in self.servers if one.port == state["port"])

    def replicas(self) -> list[Server]:
        master = self.master()
        return [one for one in self.servers if one is not master]

    def is_replicated(self) -> bool:
        """Whether all running replicas have what the master has."""
        facts = self.master().info("replication")
        offset = facts["master_repl_offset"]
        behind = [facts[f"slave{i}"] for i in range(facts["connected_slaves"])]
        return bool(behind) and all(one["offset"] >= offset for one in behind)

    def fail_over(self) -> tuple[Server, Server]:
        """Kill the master, and wait until another was promoted. Returns both."""
        old = self.master()
        old.kill()
        wait_until(lambda: self.master() is not old)
        new = self.master()
        wait_until(lambda: new.info("replication")["role"] == "master")
        return old, new

    def _is_whole(self) -> bool:
        for sentinel in self.sentinels:
            with sentinel.client() as client:
                state: dict[str, Any] = client.sentinel_masters()[MASTER_NAME]
            whole = state["num-slaves"] == len(self.servers) - 1
            if not whole or state["num-other-sentinels"] != len(self.sentinels) - 1:
                return False
        return self.is_replicated()


@contextmanager
def sentinel_group(
    folder: Path, *, replicas: int = 1, settings: Mapping[str, str] | None = None
) -> Iterator[SentinelGroup]:
    """Run a master, replicas and three sentinels until the block ends."""
    group = SentinelGroup(folder, replicas, settings or {})
    try:
        group.start()
        yield group
    finally:
        group.stop()


class ClusterOfServers:
    """A cluster: primaries that share the slots evenly, and replicas of them."""

    def __init__(self, folder: Path, primaries: int, replicas: int, settings: Mapping[str, str]) -> None:
        self._folder = folder
        self._settings = settings
        self.primaries = [self._node(f"primary-{i}") for i in range(primaries)]
        #: By the primary that each follows, in turn.
        self.replicas = [self._node(f"replica-{i}") for i in range(replicas)]

    @property
    def nodes(self) -> list[Server]:
        return [*self.primaries, *self.replicas]

    @property
    def variables(self) -> dict[str, str]:
        first, second = self.primaries[:2]
        return {"REDIS_CLUSTER": "true", "REDIS_CLUSTER_NODES": f"{first.address},{second.address}"}

    def start(self) -> None:
        """Start all nodes and make them a cluster that serves every slot."""
        for node in self.nodes:
            node.start()
        share = SLOTS // len(self.primaries)
        for place, node in enumerate(self.primaries):
            last = SLOTS - 1 if node is self.primaries[-1] else (place + 1) * share - 1
            with node.client() as client:
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", place + 1)
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", place * share, last)
        for node in self.nodes[1:]:
            self._introduce(node)
        wait_until(lambda: all(self._knows_all(node) for node in self.nodes))
        for place, node in enumerate(self.replicas):
            followed = self.node_id(self.primaries[place % len(self.primaries)])
            with node.client() as client:
                client.execute_command("CLUSTER", "REPLICATE", followed)
        wait_until(lambda: all(self._is_ok(node) for node in self.nodes))

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def add_primary(self) -> Server:
        """Start another node, without slots yet."""
        node = self._node(f"primary-{len(self.primaries)}").start()
        self.primaries.append(node)
        self._introduce(node)
        wait_until(lambda: all(self._knows_all(each) for each in self.nodes if each.child.running))
        wait_until(lambda: self.state() == {"ok"})
        return node

    def node_id(self, node: Server) -> str:
        with node.client() as client:
            return _text(client.execute_command("CLUSTER", "MYID"))

    def slot_of(self, key: str) -> int:
        with self.primaries[0].client() as client:
            return int(client.execute_command("CLUSTER", "KEYSLOT", key))

    def holder(self, key: str) -> Server:
        """Return the node that serves a key now, as a running one sees it."""
        slot = self.slot_of(key)
        witness = next(node for node in self.nodes if node.child.running)
        with witness.client() as client:
            for first, last, (_, port, *_rest), *_replicas in client.execute_command("CLUSTER", "SLOTS"):
                if first <= slot <= last:
                    return next(node for node in self.nodes if node.port == port)
        raise AssertionError(f"slot {slot} is served by nobody")

    def move_slot(self, key: str, to: Server) -> None:
        """Move the slot of a key as a whole: written to until the moment at which it changes hands."""
        slot, source = self.slot_of(key), self.holder(key)
        with source.client() as client:
            client.execute_command(
                "CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", self.node_id(to)
            )
        wait_until(lambda: self.holder(key) is to)

    def begin_to_move_slot(self, key: str, to: Server) -> None:
        """Open the slot of a key at both ends, for its keys to be moved one after another."""
        slot, source = self.slot_of(key), self.holder(key)
        with to.client() as client:
            client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", self.node_id(source))
        with source.client() as client:
            client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", self.node_id(to))

    def move_keys(self, key: str, to: Server, count: int) -> int:
        """Move up to `count` keys of an open slot; return how many it were."""
        slot, source = self.slot_of(key), self.holder(key)
        with source.client() as client:
            keys = client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, count)
            if keys:
                client.execute_command("MIGRATE", LOOPBACK, to.port, "", 0, 5_000, "KEYS", *keys)
            return len(keys)

    def finish_moving_slot(self, key: str, to: Server) -> None:
        """Move the rest of an open slot, and give it to the other node."""
        while self.move_keys(key, to, 100):
            pass
        slot, new = self.slot_of(key), self.node_id(to)
        for node in [to, *(each for each in self.primaries if each is not to)]:
            with node.client() as client:
                client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", new)
        wait_until(lambda: self.holder(key) is to)

    def fail_over(self, primary: Server) -> Server:
        """Kill a primary, and wait until its replica serves its slots. Returns that."""
        [replica] = [
            each for each in self.replicas if each.info("replication")["master_port"] == primary.port
        ]
        primary.kill()
        wait_until(lambda: replica.info("replication")["role"] == "master")
        wait_until(lambda: all(self._state(node) == "ok" for node in self.nodes if node.child.running))
        return replica

    def state(self) -> set[str]:
        """Return what the running nodes say of the cluster: ok or fail."""
        return {self._state(node) for node in self.nodes if node.child.running}

    def is_replicated(self) -> bool:
        """Whether every replica has what its primary has."""
        for replica in self.replicas:
            facts = replica.info("replication")
            if facts["role"] == "slave" and facts["master_link_status"] != "up":
                return False
        return all(
            facts[f"slave{i}"]["offset"] >= facts["master_repl_offset"]
            for facts in (node.info("replication") for node in self.nodes if node.child.running)
            if facts["role"] == "master"
            for i in range(facts["connected_slaves"])
        )

    def _node(self, name: str) -> Server:
        own = {
            "cluster-enabled": "yes",
            "cluster-config-file": "nodes.conf",
            "cluster-port": str(free_port()),
            "cluster-node-timeout": str(NODE_TIMEOUT_MS),
            "cluster-replica-validity-factor": "0",
            "cluster-allow-replica-migration": "no",
        }
        return Server(self._folder / name, {**own, **self._settings})

    def _introduce(self, node: Server) -> None:
        bus_port = node._settings["cluster-port"]
        with self.primaries[0].client() as client:
            client.execute_command("CLUSTER", "MEET", LOOPBACK, node.port, bus_port)

    def _knows_all(self, node: Server) -> bool:
        with node.client() as client:
            known = _text(client.execute_command("CLUSTER", "NODES")).splitlines()
        return len([line for line in known if "handshake" not in line]) == len(self.nodes)

    def _state(self, node: Server) -> str:
        with node.client() as client:
            state: dict[str, Any] = client.execute_command("CLUSTER INFO")
        return str(state["cluster_state"])

    def _is_ok(self, node: Server) -> bool:
        with node.client() as client:
            seen = _text(client.execute_command("CLUSTER", "NODES"))
        followers = sum(" slave " in line or "myself,slave" in line for line in seen.splitlines())
        facts = node.info("replication")
        linked = facts["role"] == "master" or facts["master_link_status"] == "up"
        return self._state(node) == "ok" and followers == len(self.replicas) and linked


@contextmanager
def cluster_of_servers(
    folder: Path, *, primaries: int = 3, replicas: int = 0, settings: Mapping[str, str] | None = None
) -> Iterator[ClusterOfServers]:
    """Run a cluster until the block ends."""
    cluster = ClusterOfServers(folder, primaries, replicas, settings or {})
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _text(reply: Any) -> str:
    return reply.decode() if isinstance(reply, bytes) else str(reply)
