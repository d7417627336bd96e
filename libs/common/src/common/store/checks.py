"""What a service checks of the store when it starts: what will not do is refused, the rest is logged."""

from __future__ import annotations

import logging

from common.errors import JobsError
from common.store.operation import AsyncClient, Client
from common.store.servers import ServerFacts, ServerTooOld, read_servers, read_servers_async
from common.store.weaknesses import weaknesses_of

_log = logging.getLogger(__name__)


def check_servers(client: Client) -> None:
    """Log what is wrong with the servers that a service starts on. One that is away is not waited for.

    Raises:
        ServerTooOld: The platform cannot run on one of them.
    """
    try:
        servers = read_servers(client)
    except JobsError:
        _log.info("the store does not answer yet: what runs there was not checked")
    else:
        _report(servers)


async def check_servers_async(client: AsyncClient) -> None:
    """As check_servers, on an event loop."""
    try:
        servers = await read_servers_async(client)
    except JobsError:
        _log.info("the store does not answer yet: what runs there was not checked")
    else:
        _report(servers)


def _report(servers: tuple[ServerFacts, ...]) -> None:
    """Log what is wrong; raise ServerTooOld if a server is."""
    for server in servers:
        if server.is_too_old:
            raise ServerTooOld(server)
    for weakness in weaknesses_of(servers):
        _log.warning("%s: %s; %s", weakness.code, weakness.message, weakness.recommendation)
