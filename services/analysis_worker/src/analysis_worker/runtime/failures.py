"""Says where an unforeseen exception came from, without what it says: its text may quote a transcript."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import Final

from common.job.failure import AttemptFailed
from common.job.model import ErrorClass

#: The innermost frames of a failure that are named.
_FRAMES: Final = 8


def frames_of(error: BaseException) -> tuple[str, ...]:
    """Return "module.py:line function" of the innermost frames, outermost first."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return tuple(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)


def bug(type_name: str, where: str) -> AttemptFailed:
    """Return the failure for an exception that nobody foresaw; its reason is the exception's name."""
    reason = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type_name).upper()
    return AttemptFailed(
        ErrorClass.BUG,
        reason,
        f"unexpected {type_name} in {where}",
        suggestion="look for the job id in the worker's log: it names the place in the code",
    )
