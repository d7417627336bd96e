"""Asks a provider's moderation what it flags in texts that are on their way out, or came from a model.

It costs nothing, but is limited by the minute, and fails: so it goes through the gate as any other call does.
Texts have placeholders only. Categories are those of the published API, taken together by their first part.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from analysis_worker.domain.safety import SafetyKind
from analysis_worker.domain.unshown import Unshown
from analysis_worker.engines.openai.asking import Client
from analysis_worker.paid.port import Call
from common.provider.tokens import estimate_tokens

#: Longer texts are judged in pieces (characters), so that a sentence is not lost in what surrounds it.
PIECE_CHARACTERS: Final = 2_000
#: Pieces of one request.
MOST_PIECES: Final = 32
_KINDS: Final = {
    kind.value: kind
    for kind in (
        SafetyKind.HARASSMENT,
        SafetyKind.HATE,
        SafetyKind.SELF_HARM,
        SafetyKind.SEXUAL,
        SafetyKind.VIOLENCE,
        SafetyKind.ILLICIT,
    )
}


@dataclass(frozen=True, slots=True, repr=False)
class ModerationRequest(Unshown):
    """A request as it will stand on the wire."""

    model: str
    texts: tuple[str, ...] = field(repr=False)

    @property
    def body(self) -> dict[str, Any]:
        return {"model": self.model, "input": list(self.texts)}

    @property
    def sha256(self) -> str:
        told = json.dumps(["moderation", self.model, *self.texts], ensure_ascii=False)
        return hashlib.sha256(told.encode()).hexdigest()

    @property
    def input_tokens(self) -> int:
        """An estimate that is not below the provider's count."""
        return sum(map(estimate_tokens, self.texts))


async def moderated(client: Client, model: str, texts: Sequence[str]) -> list[frozenset[SafetyKind]]:
    """Return what is flagged in each text.

    Raises:
        ProviderFailure: It could not be asked; or CallHeld, BudgetSpent, PriceUnknown.
        OutboundForbidden: No text may leave.
    """
    found: list[set[SafetyKind]] = [set() for _ in texts]
    pieces = [(place, piece) for place, text in enumerate(texts) for piece in _pieces(text)]
    for start in range(0, len(pieces), MOST_PIECES):
        part = pieces[start : start + MOST_PIECES]
        body = await _ask(client, ModerationRequest(model, tuple(piece for _, piece in part)))
        for (place, _), result in zip(part, json.loads(body)["results"], strict=True):
            found[place] |= _kinds(result)
    return [frozenset(kinds) for kinds in found]


async def _ask(client: Client, request: ModerationRequest) -> bytes:
    call = Call(
        tenant=client.tenant,
        provider=client.adapter.provider,
        model=request.model,
        request_sha256=request.sha256,
        sample=0,
        input_tokens=request.input_tokens,
        output_tokens=0,
        expected_output_tokens=0,
        job_id=client.job_id,
        attempt=client.attempt,
        batch_id=client.batch_id,
        force_refresh=client.force_refresh,
    )
    return (await client.calls.ask(call, partial(client.adapter.moderate, request))).body


def _kinds(result: dict[str, Any]) -> set[SafetyKind]:
    """Return the kinds of a result: "hate/threatening" is HATE, and "self-harm/intent" SELF_HARM."""
    names = (
        name.partition("/")[0].replace("-", "_") for name, is_so in result["categories"].items() if is_so
    )
    kinds = {_KINDS.get(name, SafetyKind.OTHER) for name in names}
    return kinds or ({SafetyKind.OTHER} if result["flagged"] else set())


def _pieces(text: str) -> Iterator[str]:
    """Cut a text at white space, where there is some."""
    while len(text) > PIECE_CHARACTERS:
        end = text.rfind(" ", 1, PIECE_CHARACTERS)
        end = end if end > 0 else PIECE_CHARACTERS
        yield text[:end]
        text = text[end:]
    if text.strip():
        yield text
