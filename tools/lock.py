"""Resolve every dependency anew and write requirements.lock; or check that it is fit to commit.

    python tools/lock.py           resolve and write
    python tools/lock.py --check   no address, and every line pinned with a hash

The lock holds versions and hashes only, so that it installs from any index. uv.lock records download
addresses; it is made on the way and removed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Final

from setup import ENVIRONMENT, LOCK, ROOT, run, uv_environment

EXPORT: Final = (
    *("export", "--quiet", "--frozen", "--all-packages", "--all-groups"),
    *("--no-emit-workspace", "--no-annotate", "--no-header"),
)
PIN: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[a-z0-9,-]+\])?==[^\s=]+( ; [^\\]+)? \\$")
HASH: Final = re.compile(r"^ {4}--hash=sha256:[0-9a-f]{64}( \\)?$")


def write_lock() -> None:
    """Ask uv for the newest set that the pyproject.toml files allow."""
    uv = str(ENVIRONMENT / "bin" / "uv")
    resolution = ROOT / "uv.lock"
    resolution.unlink(missing_ok=True)
    env = indexes_for_every_platform(uv_environment())
    try:
        run(uv, "lock", env=env)
        run(uv, *EXPORT, "--output-file", LOCK, env=env)
    finally:
        resolution.unlink(missing_ok=True)


def indexes_for_every_platform(env: Mapping[str, str]) -> dict[str, str]:
    """Return `env` without folders: they hold the wheels of one platform, and the lock is for all."""
    kept = {name: value for name, value in env.items() if name not in {"UV_FIND_LINKS", "UV_INDEX"}}
    if served := " ".join(part for part in env.get("UV_INDEX", "").split() if part.startswith("http")):
        kept["UV_INDEX"] = served
    return kept


def check_lock() -> None:
    """Leave with the first line that is neither a pin nor a hash: an address, an option, a loose version."""
    lines = LOCK.read_text().splitlines()
    pins = 0
    for number, line in enumerate(lines, start=1):
        if PIN.match(line):
            pins += 1
        elif not HASH.match(line):
            sys.exit(f"requirements.lock:{number}: neither `name==version \\` nor a hash; run `make lock`")
    if pins == 0:
        sys.exit("requirements.lock pins nothing; run `make lock`")
    print(f"requirements.lock: {pins} pins, each with hashes, no address")


if __name__ == "__main__":
    check_lock() if "--check" in sys.argv[1:] else write_lock()
