"""Make .venv hold what requirements.lock names, the packages of this workspace and their generated code.

Run by any Python >= 3.11 with nothing installed: `python3 tools/setup.py`, or `make setup`. Does nothing, and
that quickly, when nothing changed since the last time. Takes packages from wherever pip is configured to take
them (pip.conf, PIP_*), unless uv is told otherwise (UV_*). Installs nothing outside .venv.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
ENVIRONMENT: Final = ROOT / ".venv"
PYTHON: Final = ENVIRONMENT / "bin" / "python"
LOCK: Final = ROOT / "requirements.lock"
STAMP: Final = ENVIRONMENT / ".setup.json"
OLDEST_PYTHON: Final = (3, 11)
#: Where pip's settings go in uv's environment; uv does not read pip's configuration.
UV_VARIABLES: Final = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}


def digest(paths: Iterable[Path], *more: str) -> str:
    """Return one digest of the files' names and contents."""
    total = hashlib.sha256("\0".join(more).encode())
    for path in sorted(paths):
        total.update(f"{path.relative_to(ROOT)}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def packages() -> list[Path]:
    """Return the folders of the workspace's own packages."""
    return sorted(
        path.parent for pattern in ("protos", "libs/*", "services/*") for path in manifests(pattern)
    )


def manifests(pattern: str) -> Iterable[Path]:
    """Yield the pyproject.toml files of the folders that match."""
    return ROOT.glob(f"{pattern}/pyproject.toml")


def wanted() -> dict[str, str]:
    """Return what .venv should have been made from."""
    sources = [LOCK, Path(__file__).resolve(), ROOT / "protos" / "hatch_build.py"]
    sources += [folder / "pyproject.toml" for folder in packages()]
    contract = [ROOT / "protos" / "generate.py", *(ROOT / "protos" / "bothsides").rglob("*.proto")]
    return {"root": str(ROOT), "environment": digest(sources), "contract": digest(contract)}


def present() -> dict[str, str]:
    """Return what .venv was made from; nothing where it is missing, broken or half made."""
    if not PYTHON.exists():  # also false when the Python it was made from has been removed
        return {}
    try:
        made: dict[str, str] = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    if not (ROOT / "protos" / "gen" / ".stamp").exists():
        made.pop("contract", None)
    return made


def run(*command: str | Path, env: Mapping[str, str] | None = None, stdin: str | None = None) -> None:
    """Run a program in the repository; leave with its status if it fails, for it has said why."""
    done = subprocess.run(list(map(str, command)), cwd=ROOT, env=env, input=stdin, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"setup stopped: {Path(command[0]).name} ended with {done.returncode}; its message is above")


def make_environment(moved: bool) -> None:
    """Create .venv if it is missing, broken or from another place, and bring it to the locked set."""
    if moved or not works(PYTHON):  # its programs name their Python by its whole path
        print("setup: creating .venv", flush=True)
        run(sys.executable, "-m", "venv", "--clear", ENVIRONMENT)
    print("setup: installing the locked packages", flush=True)
    install_uv()
    uv: list[str | Path] = [ENVIRONMENT / "bin" / "uv", "pip"]
    env = uv_environment()
    run(*uv, "sync", "--quiet", "--require-hashes", LOCK, env=env)
    editable: list[str | Path] = [part for folder in packages() for part in ("--editable", str(folder))]
    run(*uv, "install", "--quiet", "--no-deps", "--no-build-isolation", *editable, env=env)


def works(python: Path) -> bool:
    """Say whether the environment's Python starts and is new enough."""
    question = f"import sys; sys.exit(sys.version_info < {OLDEST_PYTHON})"
    return python.exists() and subprocess.run([python, "-c", question], check=False).returncode == 0


def install_uv() -> None:
    """Install uv as the lock pins it, hashes included, unless it is there already."""
    pin = re.search(r"^uv==(\S+) .*\n(?: +--hash.*\n)+", LOCK.read_text(), re.MULTILINE)
    if pin is None:
        sys.exit("setup stopped: requirements.lock does not pin uv; `make lock` writes it anew")
    program = ENVIRONMENT / "bin" / "uv"
    if program.exists():
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        if version.stdout.split()[1:2] == [pin[1]]:
            return
    pip: list[str | Path] = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    requirements = ENVIRONMENT / "uv.txt"
    requirements.write_text(pin[0])
    run(*pip, "install", "--require-hashes", "--no-deps", "--requirement", requirements)


def uv_environment() -> dict[str, str]:
    """Return the environment for uv: the caller's, completed from pip's configuration."""
    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    env["VIRTUAL_ENV"] = str(ENVIRONMENT)
    # pip considers all indexes alike; the hashes in the lock decide what is acceptable.
    env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if "UV_INDEX_URL" in env or "UV_EXTRA_INDEX_URL" in env:
        return env
    for name, value in pip_settings().items():
        if variable := UV_VARIABLES.get(name):
            separator = "," if variable == "UV_FIND_LINKS" else " "
            env.setdefault(variable, separator.join(value.split()))
    return env


def pip_settings() -> dict[str, str]:
    """Return pip's settings by name; the environment beats `[install]`, which beats `[global]`."""
    if not (ENVIRONMENT / "bin" / "pip").exists():
        return {}
    listed = subprocess.run(
        [PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    settings: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):
        for line in listed.stdout.splitlines():
            key, _, value = line.partition("=")
            if key.startswith(section):
                settings[key.removeprefix(section)] = str(ast.literal_eval(value))
    return settings


def main() -> None:
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"setup needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}")
    target, made = wanted(), present()
    if made == target:
        return
    STAMP.unlink(missing_ok=True)  # an interrupted setup is done again
    moved = made.get("root", target["root"]) != target["root"]
    if moved or made.get("environment") != target["environment"]:
        make_environment(moved)
    run(PYTHON, ROOT / "protos" / "generate.py")
    STAMP.write_text(json.dumps(target))
    print("setup: .venv is ready", flush=True)


if __name__ == "__main__":
    main()
