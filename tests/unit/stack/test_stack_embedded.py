"""The embedded server: what it promises to those who connect, and that it never outlives its starter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bothsides_stack.embedded import EmbeddedServer
from bothsides_stack.errors import DidNotStart, ServerProgramNotFound
from bothsides_stack.server_program import program_on_path
from support.processes import expect_none_left


def fake_program(folder: Path, name: str, says: str) -> Path:
    """Write an executable that answers --version like a server."""
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    return program


def test_the_server_is_set_up_to_lose_nothing_and_to_evict_nothing() -> None:
    with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("bind") == {"bind": "127.0.0.1"}


def test_the_server_answers_nobody_without_its_password() -> None:
    once = Retry(NoBackoff(), retries=0)
    with (
        EmbeddedServer() as server,
        redis.Redis(port=server.port, retry=once) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_the_password_is_not_in_the_process_list_nor_on_the_disk() -> None:
    with EmbeddedServer() as server:
        password = server.url.removeprefix("redis://:").partition("@")[0]
        assert password not in " ".join(psutil.Process(server.pid).cmdline())
        files = [path for path in server.data_dir.rglob("*") if path.is_file()]
        assert files
        assert not [path for path in files if password.encode() in path.read_bytes()]


def test_a_killed_server_comes_back_with_its_data_at_the_same_address() -> None:
    with EmbeddedServer(fsync="always") as server:
        # Given something written
        url, pid = server.url, server.pid
        with redis.Redis.from_url(url) as client:
            client.set("motion", "night trains")
        # When the server crashes and is started again
        server.kill()
        assert not psutil.pid_exists(pid)
        server.restart()
        # Then it is there, for whoever kept the address
        assert server.url == url
        with redis.Redis.from_url(url) as client:
            assert client.get("motion") == b"night trains"


def test_a_private_folder_goes_with_the_server_and_a_given_one_stays(tmp_path: Path) -> None:
    with EmbeddedServer() as server:
        private = server.data_dir
    with EmbeddedServer(data_dir=tmp_path / "kept") as server, redis.Redis.from_url(server.url) as client:
        client.set("side", "for")
    assert not private.exists()
    with EmbeddedServer(data_dir=tmp_path / "kept") as server, redis.Redis.from_url(server.url) as client:
        assert client.get("side") == b"for"


def test_a_port_that_is_taken_is_reported_with_the_server_s_own_words() -> None:
    with EmbeddedServer() as first:
        second = EmbeddedServer(port=first.port)
        with pytest.raises(DidNotStart, match="Address already in use"):
            second.__enter__()
        assert not second.running


def test_a_server_started_from_a_thread_outlives_the_thread() -> None:
    """The kernel's death signal follows the starting thread, so the start must not run in it."""
    server = EmbeddedServer()
    try:
        thread = threading.Thread(target=server.start)
        thread.start()
        thread.join()
        with redis.Redis.from_url(server.url) as client:
            for _ in range(100):
                assert client.ping()
        assert server.running
    finally:
        server.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_dies_with_a_starter_that_is_killed(number: signal.Signals, tmp_path: Path) -> None:
    # Given a program that has started a server and waits
    program = (
        "import sys; from bothsides_stack.embedded import EmbeddedServer\n"
        "server = EmbeddedServer(); server.start(); print(server.pid, flush=True); sys.stdin.read()"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with starter:
        assert starter.stdout is not None
        assert psutil.pid_exists(int(starter.stdout.readline()))
        # When it is ended by a signal that it does not handle
        starter.send_signal(number)
    # Then nothing is left of either
    expect_none_left(tmp_path)


def test_a_server_on_path_must_be_new_enough(tmp_path: Path) -> None:
    fake_program(tmp_path, "valkey-server", "Redis server v=6.2.14 sha=00000000:0 malloc=libc bits=64")
    with pytest.raises(ServerProgramNotFound, match=r"is version 6.*set REDIS_URL"):
        program_on_path(str(tmp_path))

    newer = fake_program(tmp_path, "redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=libc bits=64")
    assert program_on_path(str(tmp_path)) == newer.resolve()


def test_no_server_at_all_is_an_error_that_names_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(ServerProgramNotFound, match=r"install Valkey or Redis 7 or newer.*set REDIS_URL"):
        program_on_path(str(tmp_path))
