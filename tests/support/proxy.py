"""A TCP proxy before the server that loses or withholds replies, cuts requests in half, and goes away."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self


class LossyProxy:
    """Forwards every connection, until it is told to cut one instead of answering."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._losing: bytes | None = None
        self._withholding: bytes | None = None
        self._halving: bytes | None = None
        self._away = False
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        #: How many replies were lost or withheld, and how many requests were cut.
        self.lost = 0
        self.withheld = 0
        self.halved = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def lose_reply_of(self, needle: str) -> None:
        """Lose the reply of the next request that contains `needle`."""
        with self._lock:
            self._losing = needle.encode()

    def withhold_reply_of(self, needle: str) -> None:
        """Keep back the reply of the next request that contains `needle`; its connection stays, but mute."""
        with self._lock:
            self._withholding = needle.encode()

    def halve_request_of(self, needle: str) -> None:
        """Forward only the first half of the next request that contains `needle`, and cut its connection."""
        with self._lock:
            self._halving = needle.encode()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Be gone: every connection is cut, and a new one is cut at once, until the block ends."""
        with self._lock:
            self._away = True
        self.cut_all()
        try:
            yield
        finally:
            with self._lock:
                self._away = False

    def cut_all(self) -> None:
        """Cut every connection now."""
        with self._lock:
            connections, self._open = self._open, set()
        for connection in connections:
            _close(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.cut_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:
                _close(client)
                continue
            with self._lock:
                away = self._away
                if not away:
                    self._open |= {client, server}
            if away:
                _close(client)
                _close(server)
                continue
            fate = _Fate()
            threading.Thread(target=self._requests, args=(client, server, fate), daemon=True).start()
            threading.Thread(target=self._replies, args=(server, client, fate), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket, fate: _Fate) -> None:
        for data in _chunks(client):
            with self._lock:
                if self._losing is not None and self._losing in data:
                    self._losing = None
                    fate.loses = True
                if self._withholding is not None and self._withholding in data:
                    self._withholding = None
                    fate.withholds = True
                    self.withheld += 1
                halving = self._halving is not None and self._halving in data
                if halving:
                    self._halving = None
                    self.halved += 1
            if not _sent(server, data[: len(data) // 2] if halving else data) or halving:
                break
        _close(server)

    def _replies(self, server: socket.socket, client: socket.socket, fate: _Fate) -> None:
        for data in _chunks(server):
            if fate.loses:
                self.lost += 1
                break
            if fate.withholds:
                continue
            if not _sent(client, data):
                break
        _close(client)
        _close(server)


class _Fate:
    """What happens to the replies of one connection from now on."""

    loses = False
    withholds = False


def _chunks(source: socket.socket) -> Iterator[bytes]:
    while True:
        try:
            data = source.recv(65_536)
        except OSError:
            return
        if not data:
            return
        yield data


def _sent(connection: socket.socket, data: bytes) -> bool:
    try:
        connection.sendall(data)
    except OSError:
        return False
    return True


def _close(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
