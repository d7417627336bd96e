"""A TCP relay before the server: it may speak TLS to the client, and put one text in the place of another."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: The first byte of a TLS connection.
_HANDSHAKE = b"\x16"
_LOOK_EVERY_S = 0.2


class Relay:
    """Passes connections on to a port of this machine.

    Args:
        tls: Answers clients that speak TLS; those that do not are passed on as they are.
        replacing: A text that the server sends, and what of the same length is sent on instead.
    """

    def __init__(
        self, port: int, *, tls: ssl.SSLContext | None = None, replacing: tuple[str, str] = ("", "")
    ) -> None:
        self._target = ("127.0.0.1", port)
        self._tls = tls
        self._text, self._by = (text.encode() for text in replacing)
        assert len(self._text) == len(self._by)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        #: Connections that began with TLS.
        self.encrypted = 0
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """End all connections, and the threads."""
        self._closed.set()
        # Closing alone does not wake who waits in accept().
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), socket.create_connection(self._target) as server:
            client.settimeout(5)
            if self._tls is not None and client.recv(1, socket.MSG_PEEK) == _HANDSHAKE:
                client = self._tls.wrap_socket(client, server_side=True)
                self.encrypted += 1
            self._pump(client, server)
        client.close()

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        while not self._closed.is_set():
            for source in self._readable(client, server):
                data = source.recv(65_536)
                if not data:
                    return
                if source is client:
                    server.sendall(data)
                else:
                    client.sendall(data.replace(self._text, self._by) if self._text else data)

    def _readable(self, client: socket.socket, server: socket.socket) -> list[socket.socket]:
        if isinstance(client, ssl.SSLSocket) and client.pending():
            return [client]
        ready, _, _ = select.select([client, server], [], [], _LOOK_EVERY_S)
        return ready


@contextmanager
def relay(
    port: int, *, tls: ssl.SSLContext | None = None, replacing: tuple[str, str] = ("", "")
) -> Iterator[Relay]:
    """Run a relay until the block ends."""
    running = Relay(port, tls=tls, replacing=replacing)
    try:
        yield running
    finally:
        running.close()
