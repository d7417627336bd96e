"""What was asked of models about a conversation, what insights rest on it, and their going with it.

An answer is kept in the slot of its model, far from the conversation. So each is noted with the conversation
before it is asked for; an erasure removes the conversation, then the answers that were noted. What an erasure
has still to do is written down first, and done by another replica if its own dies.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.store import keys
from common.store.documents import CONVERSATIONS
from common.store.keys import ProviderKeys, provider_keys
from common.store.operation import Argument, Operation
from common.store.scripts import script

#: Answers that are noted with one conversation at most. The oldest give way, and are forgotten.
NOTED_MAX: Final = 10_000
#: How long erased answers are noted (ms), so that one that was under way is found again.
ERASED_MS: Final = 7 * 86_400_000
#: How long nobody else takes a step that one has taken (ms).
TAKEN_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class KeptUnder:
    """Where an answer is kept."""

    provider: str
    model: str
    answer_id: str

    @property
    def member(self) -> str:
        return f"{self.provider}/{self.model}|{self.answer_id}"

    @classmethod
    def of(cls, member: bytes) -> KeptUnder:
        name, _, answer_id = member.decode().rpartition("|")
        provider, _, model = name.partition("/")
        return cls(provider, model, answer_id)

    def keys(self, namespace: str) -> ProviderKeys:
        return provider_keys(namespace, self.provider, self.model)


@dataclass(frozen=True, slots=True)
class Noted:
    """An answer is noted; others gave way to it."""

    gave_way: tuple[KeptUnder, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What an erasure has still to do: 0 to begin, then looks for what came in late."""

    tenant: str
    conversation_id: str
    look: int

    @property
    def member(self) -> str:
        return json.dumps([self.look, self.tenant, self.conversation_id])

    @classmethod
    def of(cls, member: bytes) -> Step:
        look, tenant, conversation_id = json.loads(member)
        return cls(tenant, conversation_id, look)


@dataclass(frozen=True, slots=True)
class Remains:
    """Answers of an erased conversation that are to be forgotten."""

    #: There is a conversation of that name again.
    again: bool
    looked_at: int
    answers: tuple[KeptUnder, ...]


def note_answer(
    namespace: str,
    tenant: str,
    conversation_id: str,
    answer: KeptUnder,
    *,
    keep_ms: int,
    kept_elsewhere: bool = False,
    most: int = NOTED_MAX,
) -> Operation[Noted | None]:
    """Note an answer with the conversation that it is about; None if the conversation is gone.

    Args:
        kept_elsewhere: The conversation need not be there.
    """
    kept = keys.asked_about(namespace, tenant, conversation_id)

    def read(reply: list[Any]) -> Noted | None:
        return Noted(tuple(map(KeptUnder.of, reply[1:]))) if reply[0] else None

    arguments: list[Argument] = [answer.member, keep_ms, most, "" if kept_elsewhere else "1"]
    return Operation(script("answers_note"), (kept.conversation, kept.answers), arguments, read)


def note_insights(
    namespace: str, tenant: str, conversation_id: str, participant_id: str, *, kept_elsewhere: bool = False
) -> Operation[bool]:
    """Note with a conversation that kept insights of a participant rest on it; False if it is gone.

    Args:
        kept_elsewhere: The conversation need not be there.
    """
    kept = keys.asked_about(namespace, tenant, conversation_id)
    arguments = (participant_id, "" if kept_elsewhere else "1")
    return Operation(script("insights_note"), (kept.conversation, kept.insights), arguments, bool)


def noted_insights(namespace: str, tenant: str, conversation_id: str) -> Operation[list[str]]:
    """Read whose kept insights rest on a conversation."""
    kept = keys.asked_about(namespace, tenant, conversation_id)

    def read(reply: list[bytes]) -> list[str]:
        return sorted(member.decode() for member in reply)

    return Operation(script("insights_noted"), (kept.insights,), (), read)


def erase(
    namespace: str, tenant: str, conversation_id: str, *, late: bool = False
) -> Operation[tuple[bool, int]]:
    """Erase a conversation and its map. Returns whether there was one, and how many answers are left.

    Args:
        late: Leave a conversation that is there as it is: it is a new one.
    """
    kept = keys.asked_about(namespace, tenant, conversation_id)
    index, _ = keys.documents(namespace, CONVERSATIONS, tenant)
    return Operation(
        script("erase"),
        (index, kept.conversation, kept.placeholders, kept.answers, kept.erased, kept.insights),
        (conversation_id, ERASED_MS, int(late)),
        lambda reply: (bool(reply[0]), int(reply[1])),
    )


def remains(namespace: str, tenant: str, conversation_id: str, *, skip: int, want: int) -> Operation[Remains]:
    """Read a page of the answers that are to be forgotten."""
    kept = keys.asked_about(namespace, tenant, conversation_id)

    def read(reply: list[Any]) -> Remains:
        return Remains(bool(reply[0]), int(reply[1]), tuple(map(KeptUnder.of, reply[2:])))

    return Operation(script("erased"), (kept.conversation, kept.answers, kept.erased), (skip, want), read)


def forget_answers(kept: ProviderKeys, answer_ids: Sequence[str]) -> Operation[int]:
    """Remove kept answers of one model; returns how many there were. At most a few hundred at once."""
    return Operation(script("provider_forget"), kept.all(), answer_ids, int)


def forget_document(namespace: str, kind: str, tenant: str, document_id: str) -> Operation[bool]:
    """Remove a document; returns whether it was there."""
    index, prefix = keys.documents(namespace, kind, tenant)
    return Operation(script("forget"), (index, prefix + document_id), (document_id,), bool)


def plan(namespace: str, step: Step | None, *, delay_ms: int, instead_of: Sequence[Step]) -> Operation[int]:
    """Write down the next step of an erasure; None if it is through."""
    member = "" if step is None else step.member
    arguments: list[Argument] = [member, delay_ms, *(each.member for each in instead_of)]
    return Operation(script("erasure_plan"), (keys.erasures(namespace),), arguments, int)


def due(namespace: str, *, most: int) -> Operation[list[Step]]:
    """Take steps that are due."""
    return Operation(
        script("erasure_due"),
        (keys.erasures(namespace),),
        (TAKEN_MS, most),
        lambda reply: [Step.of(member) for member in reply],
    )
