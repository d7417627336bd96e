"""Makes a debate ready to leave the process, with the one placeholder map that everybody uses for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from analysis_worker.runtime.context import JobContext
from analysis_worker.transcript import in_child
from analysis_worker.transcript.packed import Packed, WrittenWindow
from analysis_worker.transcript.places import Place
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass

if TYPE_CHECKING:
    from analysis_worker.engines.openai.outbound import Way

#: How often another job may be the first to keep a map of the same conversation.
TRIES: Final = 5


async def outbound(
    context: JobContext,
    place: Place,
    conversation_id: str,
    conversation: bytes,
    secret: bytes,
    ways: Sequence[Way] = (),
) -> tuple[Packed, tuple[WrittenWindow, ...]]:
    """Return a serialized conversation as it may leave, its placeholder map being kept before anything does.

    Also its first windows, as they are sent in some ways.

    Raises:
        AttemptFailed: As the vault and the child process raise it; TRANSIENT if others were first each time.
    """
    vault = context.vault
    if vault is None:
        debate, _, first = await place.run(in_child.outbound, conversation, secret, None, ways)
        return debate, first
    for _ in range(TRIES):
        kept = await vault.load(context.tenant, conversation_id)
        debate, body, first = await place.run(in_child.outbound, conversation, secret, kept.body, ways)
        if body == kept.body or await vault.keep(context.tenant, conversation_id, body, over=kept):
            return debate, first
    raise AttemptFailed(
        ErrorClass.TRANSIENT, "PLACEHOLDERS_CONTENDED", "other jobs on the same conversation were first"
    )


async def kept_map(context: JobContext, conversation_id: str) -> bytes | None:
    """Return the serialized map of a conversation, to be read with only; None if there is none.

    Raises:
        AttemptFailed: As the vault raises it.
    """
    if context.vault is None or not conversation_id:
        return None
    return (await context.vault.load(context.tenant, conversation_id)).body
