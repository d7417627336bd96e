"""The operations on jobs that workers and services run. Each is one script; see its header in lua/."""

from common.store.jobs.checkpoints import CHECKPOINT_BYTES, keep_checkpoint, read_checkpoint
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
from common.store.jobs.logs import LoggedLine, LogPage, NewLine, append_log, read_log
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
    "CHECKPOINT_BYTES",
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
    "LogPage",
    "LoggedLine",
    "NewLine",
    "Page",
    "Repeated",
    "Reused",
    "Snapshot",
    "Submitted",
    "Verdict",
    "append_log",
    "cancel",
    "fetch",
    "finish",
    "get",
    "keep_checkpoint",
    "list_jobs",
    "progress",
    "read_checkpoint",
    "read_log",
    "renew",
    "retry",
    "submit",
]
