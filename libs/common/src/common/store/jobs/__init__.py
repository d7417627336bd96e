"""The operations on jobs that workers and services run. Each is one script; see its header in lua/."""

from common.store.jobs.leasing import (
    HELD,
    LOST,
    MAX_LOST,
    STOP,
    Fetched,
    Lease,
    fetch,
    finish,
    progress,
    renew,
)
from common.store.jobs.operating import Verdict, cancel, retry
from common.store.jobs.reading import Condition, Page, Snapshot, get, list_jobs
from common.store.jobs.submitting import (
    EXPECTED_RUN_MS,
    Accepted,
    Full,
    Repeated,
    Reused,
    Submitted,
    submit,
)

__all__ = [
    "EXPECTED_RUN_MS",
    "HELD",
    "LOST",
    "MAX_LOST",
    "STOP",
    "Accepted",
    "Condition",
    "Fetched",
    "Full",
    "Lease",
    "Page",
    "Repeated",
    "Reused",
    "Snapshot",
    "Submitted",
    "Verdict",
    "cancel",
    "fetch",
    "finish",
    "get",
    "list_jobs",
    "progress",
    "renew",
    "retry",
    "submit",
]
