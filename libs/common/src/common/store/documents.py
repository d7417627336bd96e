"""Documents kept by id for a tenant: conversations, their analyses, and the insights of participants.

A body is opaque bytes; `about` is a short description (JSON) that lists show without the body.
A write in the name of a job is refused if a later attempt of that job has written already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from common.store import keys
from common.store.operation import Operation
from common.store.scripts import script

CONVERSATIONS: Final = "conversations"
ANALYSES: Final = "analyses"
INSIGHTS: Final = "insights"


@dataclass(frozen=True, slots=True)
class Document:
    """A kept document; `body` is empty in lists."""

    document_id: str
    updated_ms: int
    #: The job that wrote it, and its attempt; "" and 0 if no job did.
    job_id: str
    attempt: int
    about: bytes = field(repr=False)
    body: bytes = field(repr=False)


def put_document(
    namespace: str,
    kind: str,
    tenant: str,
    document_id: str,
    *,
    body: bytes,
    about: bytes = b"",
    job_id: str = "",
    attempt: int = 0,
) -> Operation[int]:
    """Create or replace a document. Returns its update time (ms), or 0 if the write was stale.

    Args:
        job_id: The job that made it, "" for none. What a job has made is written on a full server too.
    """
    index, prefix = keys.documents(namespace, kind, tenant)
    return Operation(
        script("keep_of_job" if job_id else "keep"),
        (index, prefix + document_id),
        (document_id, body, about, job_id, attempt),
        int,
        # A job whose end is lost with its document will make it again.
        durable="" if job_id else keys.documents_synced(namespace, kind, tenant),
    )


def get_document(namespace: str, kind: str, tenant: str, document_id: str) -> Operation[Document | None]:
    """Read one document whole; None if there is none."""

    def read(rows: list[list[Any]]) -> Document | None:
        return _document(rows[0]) if rows else None

    return Operation(script("kept"), keys.documents(namespace, kind, tenant), (document_id, 0, 0), read)


def list_documents(
    namespace: str, kind: str, tenant: str, *, skip: int = 0, want: int = 50
) -> Operation[list[Document]]:
    """Read a page of documents without their bodies, the latest update first."""

    def read(rows: list[list[Any]]) -> list[Document]:
        return [_document(row) for row in rows]

    return Operation(script("kept"), keys.documents(namespace, kind, tenant), ("", skip, want), read)


def missing_documents(
    namespace: str, kind: str, tenant: str, document_ids: Sequence[str]
) -> Operation[set[str]]:
    """Find those of `document_ids` that are not kept, without reading any."""

    def read(reply: list[int]) -> set[str]:
        return {document_id for document_id, kept in zip(document_ids, reply, strict=True) if not kept}

    return Operation(script("missing"), keys.documents(namespace, kind, tenant), document_ids, read)


def _document(row: list[Any]) -> Document:
    document_id, updated, job_id, attempt, about, body = row
    return Document(document_id.decode(), int(updated), job_id.decode(), int(attempt or 0), about, body)
