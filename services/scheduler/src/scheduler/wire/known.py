"""Reading the request of a CreateJob like those before it: its form was looked at, and read, with the first.

For requests outside of any trace. What is traced has its trace in every message, and pays for spans besides.
"""

from __future__ import annotations

from typing import Final

from bothsides.jobs import v1 as pb
from common.job.model import JobRequest, RetryPolicy
from scheduler.wire.alike import AlikeRequests
from scheduler.wire.requests import Origin

#: A tenant's forms are forgotten after so many requests: some are not asked for any more.
RENEWED_AFTER: Final = 4_096
#: Tenants whose forms are known at once. Each has 128 forms at most, of 2 KB.
MOST_TENANTS: Final = 64


class KnownRequests:
    """Reads requests for generic jobs, of any tenant, over the life of a process."""

    def __init__(self, default_retry: RetryPolicy) -> None:
        self._default_retry = default_retry
        #: By tenant: what reads its requests, and how many more it may read.
        self._readers: dict[str, tuple[AlikeRequests, int]] = {}

    def may_know(self, origin: Origin) -> bool:
        """Say whether it reads requests from there at all."""
        return not origin.trace_id and not origin.trace_context

    def read(self, request: pb.CreateJobRequest, origin: Origin) -> JobRequest | None:
        """Return the job to submit, or None, as AlikeRequests.read would; the request may be unchecked."""
        if not self.may_know(origin):
            return None
        tenant = origin.tenant
        reader, left = self._readers.get(tenant, (None, 0))
        if reader is None or left == 0:
            if len(self._readers) >= MOST_TENANTS:
                self._readers.clear()
            reader, left = AlikeRequests(origin, self._default_retry), RENEWED_AFTER
        self._readers[tenant] = reader, left - 1
        return reader.read(request)
