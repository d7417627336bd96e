"""The rule that pure modules import the standard library only."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from support.tools import RunTool

CONFIGURATION = """
[importlinter]
root_packages =
    sample
include_external_packages = True
contract_types =
    standard_library_only: tools.import_rules.StandardLibraryOnly

[importlinter:contract:pure]
name = pure
type = standard_library_only
pure_modules =
    sample.pure
"""


def test_a_pure_module_may_import_the_standard_library_and_its_own_package_only(
    copy: Path, run_in_copy: RunTool
) -> None:
    # Given a pure package with good imports, and an impure one beside it
    pure = copy / "sample" / "pure"
    pure.mkdir(parents=True)
    (copy / ".importlinter").write_text(CONFIGURATION)
    (copy / "sample" / "__init__.py").touch()
    (copy / "sample" / "other.py").write_text("import redis\n")
    (pure / "__init__.py").write_text("import json\nfrom collections import abc\n")
    (pure / "job.py").write_text("from sample.pure import json\n")
    lint = (str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache")
    env = {**os.environ, "PYTHONPATH": str(copy)}

    kept = run_in_copy(*lint, env=env)
    assert kept.returncode == 0, kept.stdout

    # When it imports a library and its neighbour
    (pure / "job.py").write_text("import redis\n\nfrom sample import other\n")

    # Then both lines are named
    broken = run_in_copy(*lint, env=env)
    assert broken.returncode == 1
    assert "sample.pure.job:1 imports redis" in broken.stdout
    assert "sample.pure.job:3 imports sample.other" in broken.stdout
