"""Free ports of the loopback interface, and whether a given one is free."""

from __future__ import annotations

import secrets
import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"
#: Below every system's ephemeral range (Linux from 32768, macOS from 49152): no outgoing connection can
#: take a port between its choice here and its use by a child that is still starting.
PORTS: Final = range(15_000, 32_000)
_given: set[int] = set()


def is_free(host: str, port: int) -> bool:
    """Say whether a server could listen on the address now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closed connection may linger
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on and that this process was not given before.

    Raises:
        RuntimeError: A hundred random choices were all taken.
    """
    for _ in range(100):
        port = secrets.choice(PORTS)  # a test may have seeded `random`; two runs would then meet
        if port not in _given and is_free(LOOPBACK, port):
            _given.add(port)
            return port
    raise RuntimeError(f"no free port found on {LOOPBACK} between {PORTS.start} and {PORTS.stop}")
