"""Has children write what is sent of a long debate, while the first of it leaves.

To write a request takes the loop of all jobs nearly as long as to send it, and children have nothing to do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from analysis_worker.transcript import in_child
from analysis_worker.transcript.packed import Packed, WrittenWindow
from analysis_worker.transcript.places import Place
from common.job.failure import AttemptFailed
from common.provider.planning import WINDOW_TOKENS

if TYPE_CHECKING:
    from analysis_worker.engines.openai.outbound import Outbound, Way, Window

#: Children that write at once.
_LANES: Final = 2
_log = logging.getLogger(__name__)


def take(debate: Outbound, first: Sequence[WrittenWindow]) -> Sequence[Window]:
    """Take over what is written of the first windows; return all that are left."""
    from analysis_worker.engines.openai.outbound import windows

    parts = windows(debate, WINDOW_TOKENS) if first else []
    _take(parts[: len(first)], first)
    return parts[len(first) :]


def write(
    place: Place, packed: Packed, left: Sequence[Window], ways: Sequence[Way]
) -> list[asyncio.Task[None]]:
    """Begin to write the last windows of a debate; who asks about one of them waits until it is written."""
    tasks: list[asyncio.Task[None]] = []
    for lane in range(min(_LANES, len(left))):
        mine = left[lane::_LANES]
        places = range(lane - len(left), 0, _LANES)  # from the end
        task = asyncio.create_task(_write(place, packed, mine, places, ways))
        for window in mine:
            window.comes_with(task)
        tasks.append(task)
    return tasks


async def _write(
    place: Place, packed: Packed, mine: Sequence[Window], places: Sequence[int], ways: Sequence[Way]
) -> None:
    try:
        _take(mine, await place.run(in_child.written, packed, places, ways))
    except AttemptFailed as failure:
        _log.warning("a child could not write (%s): what it lacks is written here", failure.reason)


def _take(parts: Sequence[Window], written: Sequence[WrittenWindow]) -> None:
    from analysis_worker.engines.openai.estimates import know

    for window, each in zip(parts, written, strict=True):
        window.take(each.sent)
        know(each.estimates)
