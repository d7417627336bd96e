"""What may stand in requirements.lock, and where packages come from when it is installed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.tools import RunTool

DIGEST = "0" * 64


def test_the_lock_of_the_repository_is_fit_to_commit(run_in_copy: RunTool) -> None:
    checked = run_in_copy("tools/lock.py", "--check")
    assert checked.returncode == 0, checked.stdout
    assert "no address" in checked.stdout


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://packages.example.com/simple",
        "redis @ https://packages.example.com/redis-8.1.0.whl \\",
        "redis>=8.1 \\",
        "-e ./somewhere",
        f"    --hash=md5:{DIGEST[:32]}",
        "# an address: https://packages.example.com",
    ],
)
def test_an_address_or_a_loose_line_in_the_lock_is_found(line: str, copy: Path, run_in_copy: RunTool) -> None:
    (copy / "requirements.lock").write_text(f"orjson==3.13.0 \\\n    --hash=sha256:{DIGEST}\n{line}\n")
    checked = run_in_copy("tools/lock.py", "--check")
    assert checked.returncode == 1
    assert checked.stdout.startswith("requirements.lock:3: neither")


def test_packages_come_from_where_pip_takes_them(copy: Path, run_in_copy: RunTool) -> None:
    # Given a pip that is configured by a file and by a variable
    (copy / "pip.conf").write_text("[global]\nindex-url = https://mirror.example.com/simple\ntimeout = 3\n")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    variables |= {"PIP_CONFIG_FILE": str(copy / "pip.conf"), "PIP_FIND_LINKS": "/wheels /more"}
    ask = "import json, setup; print(json.dumps(setup.uv_environment()))"
    variables["PYTHONPATH"] = str(copy / "tools")

    # Then uv is told the same, unless it has been told already
    told = json.loads(run_in_copy("-c", ask, env=variables).stdout)
    assert told["UV_DEFAULT_INDEX"] == "https://mirror.example.com/simple"
    assert told["UV_FIND_LINKS"] == "/wheels,/more"

    own = {"UV_DEFAULT_INDEX": "https://own.example.com/simple"}
    told = json.loads(run_in_copy("-c", ask, env=variables | own).stdout)
    assert told["UV_DEFAULT_INDEX"] == "https://own.example.com/simple"


def test_a_folder_of_wheels_for_this_platform_does_not_shape_the_lock(
    copy: Path, run_in_copy: RunTool
) -> None:
    ask = (
        "import json, lock; print(json.dumps(lock.indexes_for_every_platform("
        "{'UV_FIND_LINKS': '/wheels', 'UV_INDEX': 'file:///pypi https://more.example.com/simple', "
        "'A': 'b'})))"
    )
    answer = run_in_copy("-c", ask, env={**os.environ, "PYTHONPATH": str(copy / "tools")})
    assert json.loads(answer.stdout) == {"UV_INDEX": "https://more.example.com/simple", "A": "b"}
