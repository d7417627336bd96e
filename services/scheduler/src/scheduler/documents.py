"""Pages over kept documents, and whether they exist: what conversations and analyses share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.exceptions import RedisError

from common.store import documents, keys
from common.store.documents import Document
from common.store.operation import AsyncClient, AsyncRunner, translated
from scheduler.paging import PageTokens, page_size_of


class Documents:
    """The documents of one kind, see common.store.documents."""

    def __init__(
        self, client: AsyncClient, store: AsyncRunner, namespace: str, kind: str, tokens: PageTokens
    ) -> None:
        self._client: Any = client
        self._store = store
        self._namespace = namespace
        self._kind = kind
        self._tokens = tokens

    async def put(self, tenant: str, document_id: str, *, body: bytes, about: bytes) -> int:
        """Create or replace a document. Returns its update time (ms)."""
        operation = documents.put_document(
            self._namespace, self._kind, tenant, document_id, body=body, about=about
        )
        return await self._store.run(operation)

    async def get(self, tenant: str, document_id: str) -> Document | None:
        """Read a document whole; None if there is none."""
        return await self._store.run(documents.get_document(self._namespace, self._kind, tenant, document_id))

    async def missing(self, tenant: str, document_ids: Sequence[str]) -> set[str]:
        """Return those of `document_ids` that are not kept, without reading any."""
        operation = documents.missing_documents(self._namespace, self._kind, tenant, document_ids)
        return await self._store.run(operation)

    async def page(self, tenant: str, *, page_size: int, page_token: str) -> tuple[list[Document], str]:
        """Return documents without their bodies, the latest update first, and the token of the next page.

        The token holds the last document's update time and id, not a count: documents that are put
        meanwhile come before the first page and move nothing.

        Raises:
            InvalidPageToken: The token is of another list or tenant.
        """
        want = page_size_of(page_size)
        below = None
        if page_token:
            updated_ms, document_id = await self._tokens.open(page_token, self._kind, tenant)
            below = (int(updated_ms), str(document_id))
        found = await self._below(tenant, below, want + 1)
        if len(found) <= want:
            return found, ""
        last = found[want - 1]
        token = await self._tokens.seal([last.updated_ms, last.document_id], self._kind, tenant)
        return found[:want], token

    async def _below(self, tenant: str, below: tuple[int, str] | None, want: int) -> list[Document]:
        """Return up to `want` documents that sort below an update time and an id."""
        skip = 0 if below is None else await self._newer(tenant, below[0])
        found: list[Document] = []
        while len(found) < want:
            page = await self._store.run(
                documents.list_documents(self._namespace, self._kind, tenant, skip=skip, want=want)
            )
            found += [row for row in page if below is None or (row.updated_ms, row.document_id) < below]
            skip += len(page)
            if len(page) < want:
                break
        return found[:want]

    async def _newer(self, tenant: str, updated_ms: int) -> int:
        index, _ = keys.documents(self._namespace, self._kind, tenant)
        try:
            count: int = await self._client.zcount(index, f"({updated_ms}", "+inf")
        except RedisError as error:
            raise translated(error) from error
        return count
