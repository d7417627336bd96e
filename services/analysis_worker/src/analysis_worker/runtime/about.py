"""What a worker's report says of what only this service has: child processes, its loop's lag, its models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, Final

from analysis_worker.runtime.children import ChildPool
from analysis_worker.runtime.pulse import Pulse

_DISTRIBUTION: Final = "bothsides-analysis-worker"


def about(
    children: ChildPool,
    pulse: Pulse,
    *,
    simulates: str = "",
    retiring: Callable[[], Sequence[str]] = tuple,
) -> Callable[[], dict[str, Any]]:
    """Return what says it anew for each report.

    Args:
        simulates: What errors this worker makes up, in words.
        retiring: Says which models of its settings are near or past their end.
    """

    def said() -> dict[str, Any]:
        return {
            "version": version(_DISTRIBUTION),
            "loop_lag_ms": int(pulse.lag_ms),
            "children": children.alive,
            "busy_children": children.busy,
            "simulates": simulates,
            "retiring": tuple(retiring()),
        }

    return said
