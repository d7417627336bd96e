"""Reading variables: every problem is noted, and all of them are reported together.

It knows how to read a kind of value, not which variables there are: that is for its siblings. The value of a
variable that may hold a secret never appears in a message.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common.job.limits import RetryBudget

_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"0", "false", "no", "off"})
_HOST: Final = re.compile(r"[A-Za-z0-9_.-]+")
_MAX_PORT: Final = 65_535
#: Longest part of a bad value that a message quotes.
_QUOTED: Final = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One variable that is wrong."""

    variable: str
    #: None if it is not set, or must not be shown.
    value: str | None
    #: What it must be, as the end of the sentence "NAME must ...".
    must: str

    def __str__(self) -> str:
        shown = "" if self.value is None else f"={self.value[:_QUOTED]!r}"
        return f"{self.variable}{shown} must {self.must}"


class SettingsError(ValueError):
    """The environment does not describe a service that can start; lists every problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = f"{len(problems)} settings are" if len(problems) > 1 else "one setting is"
        super().__init__("\n  ".join((f"{count} wrong:", *map(str, problems))))


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a TCP port; port 0 asks the system for a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False


class Environment:
    """Variables by name. A variable that is set to nothing counts as not set.

    Each method returns its default where the value is wrong, so that reading goes on; `check` then raises.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._problems: list[Problem] = []

    def check(self) -> None:
        """Raise SettingsError if any variable that was read is wrong."""
        if self._problems:
            raise SettingsError(self._problems)

    def has(self, name: str) -> bool:
        """Whether a variable is set to something, right or wrong."""
        return self._get(name) is not None

    def reject(self, name: str, must: str, *, show: bool = True) -> None:
        """Note that a variable is wrong; `must` ends the sentence "NAME must ..."."""
        self._problems.append(Problem(name, self._variables.get(name) or None if show else None, must))

    def text(self, name: str, default: str = "", *, pattern: str | None = None, must: str = "") -> str:
        """Return a string; with a pattern (of the whole value), `must` says in words what it asks for."""
        value = self._get(name)
        if value is None:
            return default
        if pattern is not None and re.fullmatch(pattern, value) is None:
            self.reject(name, must)
            return default
        return value

    def secret(self, name: str, *, minimum_bytes: int = 1) -> str | None:
        """Return a value that no message will show, or None."""
        value = self._get(name)
        if value is not None and len(value.encode()) < minimum_bytes:
            self.reject(name, f"have at least {minimum_bytes} bytes", show=False)
            return None
        return value

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        """Return a whole number between two bounds, both included."""
        value = self._get(name)
        if value is None:
            return default
        if re.fullmatch(r"[+-]?[0-9]{1,18}", value) and minimum <= int(value) <= maximum:
            return int(value)
        self.reject(name, f"be a whole number from {minimum} to {maximum}")
        return default

    def fraction(self, name: str, default: float) -> float:
        """Return a number from 0 to 1."""
        value = self._get(name)
        if value is None:
            return default
        if re.fullmatch(r"[0-9]{0,9}\.?[0-9]{1,18}", value) and float(value) <= 1:
            return float(value)
        self.reject(name, "be a number from 0 to 1")
        return default

    def flag(self, name: str) -> bool:
        """Return whether a variable says yes; not set means no."""
        value = (self._get(name) or "no").lower()
        if value not in _YES | _NO:
            self.reject(name, "be true or false")
        return value in _YES

    def choice(self, name: str, default: str, allowed: Sequence[str]) -> str:
        """Return one of some upper-case words, whichever case it was written in."""
        value = (self._get(name) or default).upper()
        if value in allowed:
            return value
        self.reject(name, f"be one of {', '.join(allowed)}")
        return default

    def retry_budget(self, name: str) -> RetryBudget | None:
        """Return such as "20%/10": a share of first attempts, and retries a minute; None if it is not set."""
        value = self._get(name)
        if value is None:
            return None
        said = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)%/([0-9]{1,9})", value)
        if said is not None:
            with suppress(ValueError):
                return RetryBudget(float(said[1]) / 100, int(said[2]))
        self.reject(name, "be a share and retries a minute, such as 20%/10; at most 10000%/1000000")
        return None

    def names(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Return names that are separated by commas: letters, digits, ".", "_" and "-"."""
        value = self._get(name)
        if value is None:
            return default
        items = tuple(item.strip() for item in value.split(",") if item.strip())
        if items and all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9._-]{0,99}", item) for item in items):
            return tuple(dict.fromkeys(items))
        self.reject(name, f"be names separated by commas, such as {','.join(default) or 'one,two'}")
        return default

    def address(self, name: str, default: str | None) -> Address | None:
        """Return a host and port, such as "127.0.0.1:50051", "[::1]:0" or "scheduler:50051"."""
        value = self._get(name)
        address = _address(value) if value is not None else None
        if value is not None and address is None:
            self.reject(name, f"be a host and a port, such as {default or '127.0.0.1:50051'}")
        return address or (_address(default) if default is not None else None)

    def addresses(self, name: str, *, must: str) -> tuple[Address, ...]:
        """Return hosts and ports that are separated by commas; `must` says in words what it asks for."""
        value = self._get(name)
        items = [item.strip() for item in (value or "").split(",") if item.strip()]
        found = [address for item in items if (address := _address(item)) is not None]
        if value is not None and (not found or len(found) < len(items)):
            self.reject(name, must)
        return tuple(found)

    def host(self, name: str, default: str) -> str:
        """Return a host's name or address, ready for a URL: an IPv6 address is put in brackets."""
        value = self._get(name)
        host = _host(value) or _host(f"[{value}]") if value is not None else default
        if host is None:
            self.reject(name, "be the name or address of a host")
        return host or default

    def file(self, name: str) -> Path | None:
        """Return the path of a file that can be read, or None."""
        value = self._get(name)
        if value is None:
            return None
        path = Path(value)
        try:
            with path.open("rb"):
                return path
        except OSError as error:
            self.reject(name, f"name a file that can be read ({error.strerror})")
            return None

    def _get(self, name: str) -> str | None:
        return self._variables.get(name, "").strip() or None


def _address(text: str) -> Address | None:
    host, _, port = text.rpartition(":")
    if _host(host) is None or re.fullmatch(r"[0-9]{1,5}", port) is None or int(port) > _MAX_PORT:
        return None
    return Address(host, int(port))


def _host(text: str) -> str | None:
    """Return a host as it stands before a colon and a port, or None if it is none."""
    if _HOST.fullmatch(text) is not None:
        return text
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        ipaddress.IPv6Address(text[1:-1])
    except ValueError:
        return None
    return text
