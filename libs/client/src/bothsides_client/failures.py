"""Groups of failures by name: a fingerprint to say, and the filter that finds a group's jobs again."""

from __future__ import annotations

import hashlib
from typing import Final

from bothsides.jobs import v1 as pb

#: Hexadecimal digits: two of 10,000 groups share a fingerprint once in 80 times.
FINGERPRINT_DIGITS: Final = 8


def fingerprint(group: pb.FailureGroup) -> str:
    """Return the group's name, which stays the same as jobs come and go."""
    parts = (
        pb.JobError.ErrorClass.Name(group.error_class),
        group.reason,
        pb.Job.Type.Name(group.type),
        group.actor,
        group.queue,
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:FINGERPRINT_DIGITS]


def filter_of(group: pb.FailureGroup) -> str:
    """Return the filter of ListJobs that the group's jobs match, and no others."""
    conditions = {
        "state": "FAILED",
        "queue": quoted(group.queue),
        "type": pb.Job.Type.Name(group.type),
        "actor": quoted(group.actor),
        "last_error.error_class": pb.JobError.ErrorClass.Name(group.error_class),
        "last_error.reason": quoted(group.reason),
    }
    return " AND ".join(f"{field} = {value}" for field, value in conditions.items())


def quoted(text: str) -> str:
    """Return the text as a string of the filter's grammar (AIP-160)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
