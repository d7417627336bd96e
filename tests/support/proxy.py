"""A TCP proxy before the server that loses replies: the request arrives, its answer does not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self


class LossyProxy:
    """Forwards every connection, until it is told to cut one instead of answering."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._losing: bytes | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        #: How many replies were lost.
        self.lost = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def lose_reply_of(self, needle: str) -> None:
        """Lose the reply of the next request that contains `needle`."""
        with self._lock:
            self._losing = needle.encode()

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
                server = socket.create_connection(self._target)
            except OSError:
                return
            with self._lock:
                self._open |= {client, server}
            losing = threading.Event()
            threading.Thread(target=self._requests, args=(client, server, losing), daemon=True).start()
            threading.Thread(target=self._replies, args=(server, client, losing), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket, losing: threading.Event) -> None:
        for data in _chunks(client):
            with self._lock:
                if self._losing is not None and self._losing in data:
                    self._losing = None
                    losing.set()
            if not _sent(server, data):
                break
        _close(server)

    def _replies(self, server: socket.socket, client: socket.socket, losing: threading.Event) -> None:
        for data in _chunks(server):
            if losing.is_set():
                self.lost += 1
                break
            if not _sent(client, data):
                break
        _close(client)
        _close(server)


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
