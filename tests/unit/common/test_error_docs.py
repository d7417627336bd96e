"""docs/errors.md lists the errors that there are, with their codes and details."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from common.errors import (
    AnalysisNotFound,
    BatchNotCancellable,
    BatchNotDeletable,
    BatchNotFound,
    BatchNotOpen,
    BatchNotRetryable,
    ConversationNotFound,
    ConversationRefused,
    Draining,
    DuplicateJob,
    EtagMismatch,
    FileStoreUnavailable,
    InsightsNotFound,
    InvalidField,
    InvalidFilter,
    InvalidPageToken,
    InvalidResumeToken,
    JobNotCancellable,
    JobNotDeletable,
    JobNotFound,
    JobNotMutable,
    JobNotRetryable,
    JobsError,
    NotFound,
    PermissionDenied,
    QueueDraining,
    QueueFull,
    QueueNotFound,
    RequestIdReused,
    RequestIdSpent,
    RequestUnreadable,
    StoreFull,
    StoreUnavailable,
    TenantNotGranted,
    TranscriptTooLarge,
    Unauthenticated,
    WatchTooSlow,
    WrongState,
)
from common.rpc.status import code_of, internal_status, status_of

DOCUMENT = Path(__file__).parents[3] / "docs" / "errors.md"
ROW = re.compile(r"\| `(?P<reason>[A-Z_]+)` \| `(?P<code>[A-Z_]+)` \| (?P<details>[^|]+) \|")

#: One of each error that a call can end with.
EXAMPLES: list[JobsError] = [
    InvalidField("field", "is wrong"),
    RequestUnreadable(),
    InvalidFilter("filter", "is wrong"),
    InvalidPageToken("page_token", "is wrong"),
    InvalidResumeToken("resume_token", "is wrong"),
    RequestIdReused("ai-1"),
    RequestIdSpent("ai-1"),
    TranscriptTooLarge("conversation", "is too large"),
    ConversationRefused([("conversation.turns[0].text", ["slur"])]),
    JobNotFound("ai-1"),
    ConversationNotFound("c"),
    AnalysisNotFound("c"),
    InsightsNotFound("p"),
    QueueNotFound("q"),
    BatchNotFound("batch-1"),
    BatchNotCancellable("batch-1", "SUCCEEDED"),
    BatchNotRetryable("batch-1", "SUCCEEDED"),
    BatchNotDeletable("batch-1", "RUNNING"),
    BatchNotOpen("batch-1", "RUNNING"),
    JobNotCancellable("ai-1", "SUCCEEDED"),
    JobNotRetryable("ai-1", "RUNNING"),
    JobNotMutable("ai-1", "RUNNING"),
    JobNotDeletable("ai-1", "RUNNING"),
    QueueDraining("exports"),
    DuplicateJob("ai-1"),
    EtagMismatch("ai-1"),
    QueueFull("exports", 1),
    StoreFull(),
    WatchTooSlow("token"),
    StoreUnavailable(),
    FileStoreUnavailable(),
    Draining(),
    Unauthenticated("no token"),
    PermissionDenied("operator"),
    TenantNotGranted(),
]


def documented() -> dict[str, tuple[str, set[str]]]:
    """Return code and details by reason, from the table."""
    rows = ROW.finditer(DOCUMENT.read_text("utf-8"))
    return {row["reason"]: (row["code"], set(re.findall(r"`(\w+)`", row["details"]))) for row in rows}


def leaves(root: type[JobsError] = JobsError) -> Iterator[type[JobsError]]:
    """Return the errors that are raised themselves, not only as a subclass of theirs."""
    if root not in {JobsError, NotFound, WrongState}:
        yield root
    for child in root.__subclasses__():
        if child.__module__ == root.__module__:
            yield from leaves(child)


def test_there_is_an_example_of_every_error() -> None:
    assert {kind.reason for kind in leaves()} == {example.reason for example in EXAMPLES}


def test_every_error_is_documented_with_its_code_and_details_and_nothing_else_is() -> None:
    actual = {}
    for example in EXAMPLES:
        details = {packed.TypeName().split(".")[-1] for packed in status_of(example).details}
        actual[example.reason] = (code_of(example).name, details - {"ErrorInfo"})
    details = {packed.TypeName().split(".")[-1] for packed in internal_status("id").details}
    actual["INTERNAL"] = ("INTERNAL", details - {"ErrorInfo"})

    assert documented() == actual
