"""Messages of a watch of many jobs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum, auto

from common.job.ids import JobId
from common.store.events import Progressed, StateChanged
from common.store.jobs import Snapshot
from scheduler.watch.parts import PartTold


@dataclass(frozen=True, slots=True)
class Removed:
    """The job has ceased to match, or is no more."""

    job_id: JobId
    at_ms: int


Told = StateChanged | Progressed | PartTold | Snapshot | Removed


class Kind(Enum):
    """What a message is besides what it tells."""

    PLAIN = auto()
    #: What happened since the message before is not known.
    RESET = auto()
    #: Nothing has happened for a while.
    BEAT = auto()
    #: The snapshots that the watch began with are complete.
    COMPLETE = auto()


@dataclass(frozen=True, slots=True)
class Packet:
    """One message."""

    told: list[Told]
    resume_token: str
    at_ms: int
    kind: Kind = Kind.PLAIN


def now_ms() -> int:
    return time.time_ns() // 1_000_000
