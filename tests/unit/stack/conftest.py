"""Stand-ins for the services, for tests of what supervises them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

MODULES = {"scheduler": "SCHEDULER_ADDR", "monitor": "MONITOR_ADDR", "analysis_worker": "WORKER_HEALTH_ADDR"}


@pytest.fixture
def stand_ins(tmp_path: Path) -> dict[str, str]:
    """The variables with which `python -m scheduler`, and so on, run stand-ins."""
    folder = tmp_path / "stand_ins"
    folder.mkdir()
    for module, variable in MODULES.items():
        source = f"from stand_in_service import serve\n\nserve({module!r}, {variable!r})\n"
        (folder / f"{module}.py").write_text(source)
    return {"PYTHONPATH": os.pathsep.join((str(folder), str(Path(__file__).parent)))}
