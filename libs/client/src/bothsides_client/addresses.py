"""Where the services listen, and what gRPC is told; imports no gRPC, so that `--help` is quick."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

from bothsides_client.errors import BadSetting

DEFAULT_SCHEDULER_ADDR: Final = "127.0.0.1:50051"
DEFAULT_MONITOR_ADDR: Final = "127.0.0.1:50052"

#: A name in the hosts file that every machine has, so it need not be looked up.
_LOCAL: Final = "localhost"


def target_of(addresses: str | Sequence[str]) -> str:
    """Return the gRPC target for one address, or for several replicas of one service.

    Args:
        addresses: "host:port", or several as a sequence or with commas between. Several must be IP addresses
            or localhost: gRPC looks up one name only. A name behind which all replicas stand, such as a
            headless Service's, is one address and stays up to date by itself. A gRPC target of another
            scheme ("dns:///name:port", "unix:/path") is left as it is.

    Raises:
        BadSetting: An address cannot be used; says which.
    """
    given = addresses.split(",") if isinstance(addresses, str) else list(addresses)
    several = [address.strip() for address in given if address.strip()]
    match several:
        case []:
            raise BadSetting("no address of a server: give one as host:port")
        case [one]:
            return one if ":/" in one else _checked(one)
    numbered = [_number(address) for address in several]
    versions = {version for version, _ in numbered}
    if len(versions) > 1:
        raise BadSetting(f"{', '.join(several)}: several addresses must be all IPv4 or all IPv6")
    return f"ipv{versions.pop()}:" + ",".join(text for _, text in numbered)


def _checked(address: str) -> str:
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise BadSetting(f"{address!r} is no address of a server: it must be host:port")
    return address


def _number(address: str) -> tuple[int, str]:
    """Return the IP version of one of several addresses, and the address with its host as a number."""
    host, _, port = _checked(address).rpartition(":")
    try:
        number = ipaddress.ip_address("127.0.0.1" if host == _LOCAL else host.strip("[]"))
    except ValueError as error:
        raise BadSetting(
            f"{address!r} is a name: several addresses must be numbers, such as 10.0.0.1:50051; "
            "or give one name behind which all replicas stand"
        ) from error
    return number.version, f"[{number}]:{port}" if number.version == 6 else f"{number}:{port}"
