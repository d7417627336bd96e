"""Types shared by the tests of tools/."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

#: Runs Python in a copy of the repository; both output streams are in `stdout`.
RunTool = Callable[..., "subprocess.CompletedProcess[str]"]
