"""Reading the request of a CreateJob like those before it: its form was looked at and read with the first."""

from __future__ import annotations

from typing import Final

from bothsides.jobs import v1 as pb
from common.job.model import JobRequest, RetryPolicy
from scheduler.wire.alike import AlikeRequests
from scheduler.wire.requests import Origin

#: A tenant's forms are forgotten after so many requests: some are not asked for any more.
RENEWED_AFTER: Final = 4_096
#: Tenants whose forms are known at once. Each has 128 forms at most, of 2 KB; as many again in traces.
MOST_TENANTS: Final = 64


class KnownRequests:
    """Reads requests for generic jobs, of any tenant, over the life of a process."""

    def __init__(self, default_retry: RetryPolicy) -> None:
        self._default_retry = default_retry
        #: By tenant, and whether they are traced: what reads the requests, and how many more it may read.
        self._readers: dict[tuple[str, bool], tuple[AlikeRequests, int]] = {}

    def read(self, request: pb.CreateJobRequest, origin: Origin) -> JobRequest | None:
        """Return the job to submit, or None, as AlikeRequests.read would; the request may be unchecked."""
        key = origin.tenant, bool(origin.trace_context)
        reader, left = self._readers.get(key, (None, 0))
        if reader is None or left == 0:
            if len(self._readers) >= 2 * MOST_TENANTS:
                self._readers.clear()
            reader, left = AlikeRequests(origin, self._default_retry), RENEWED_AFTER
        self._readers[key] = reader, left - 1
        return reader.read(request, origin)
