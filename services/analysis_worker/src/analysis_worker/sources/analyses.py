"""Kept analyses of the built-in store."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Final, TypeVar

from common.errors import StoreUnavailable
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass
from common.store.documents import ANALYSES, get_document, list_documents
from common.store.operation import LoopRunner

T = TypeVar("T")
#: Entries of the list that are read at once.
_PAGE: Final = 500


class KeptAnalyses:
    """Reads what jobs have kept; an AnalysisSource."""

    def __init__(self, runner: LoopRunner, namespace: str) -> None:
        self._runner = runner
        self._namespace = namespace

    async def latest(self, tenant: str, want: int) -> list[str]:
        """Return conversations; errors as the port says."""

        async def read() -> list[str]:
            found: list[str] = []
            skip = 0
            while len(found) < want:
                page = await self._runner.run(
                    list_documents(
                        self._namespace, ANALYSES, tenant, skip=skip, want=min(_PAGE, want - len(found))
                    )
                )
                found += [document.document_id for document in page]
                skip += len(page)
                if not page:
                    break
            # One that is kept anew meanwhile moves to the front, and another one onto this page again.
            return list(dict.fromkeys(found))

        return await _told(read())

    async def load_analyses(self, tenant: str, conversation_ids: Sequence[str]) -> list[bytes | None]:
        """Return analyses; errors as the port says."""

        async def read() -> list[bytes | None]:
            found = [
                await self._runner.run(get_document(self._namespace, ANALYSES, tenant, conversation_id))
                for conversation_id in conversation_ids
            ]
            return [None if document is None else document.body for document in found]

        return await _told(read())


async def _told(reading: Awaitable[T]) -> T:
    try:
        return await reading
    except StoreUnavailable as error:
        raise AttemptFailed(ErrorClass.TRANSIENT, error.reason, error.message) from error
