"""Conversations to analyse, and a walk over all that an analysis says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from analysis_worker.domain.conversation import Conversation, Participant, Role, Turn
from analysis_worker.domain.result import Dimension, DimensionResult
from analysis_worker.engines.local.engine import LocalEngine
from analysis_worker.wire.conversation import conversation_from_pb
from bothsides_client.transcripts import read_transcript

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
T = TypeVar("T")


def example(name: str) -> Conversation:
    """Return one of the project's example debates."""
    return conversation_from_pb(read_transcript(EXAMPLES / name))


def debate(*said: tuple[str, str], motion: str = "", language: str = "en") -> Conversation:
    """Return a debate of (speaker, text); who is called "chair" moderates, the others are debaters."""
    speakers = dict.fromkeys(speaker for speaker, _ in said)
    return Conversation(
        conversation_id="made-up",
        motion=motion,
        language=language,
        participants=tuple(
            Participant(speaker, speaker.title(), Role.MODERATOR if speaker == "chair" else Role.DEBATER)
            for speaker in speakers
        ),
        turns=tuple(
            Turn(f"t{number}", speaker, text) for number, (speaker, text) in enumerate(said, start=1)
        ),
    )


def with_texts(conversation: Conversation, texts: list[str]) -> Conversation:
    """Return the conversation with other texts, in order."""
    turns = (replace(turn, text=text) for turn, text in zip(conversation.turns, texts, strict=True))
    return replace(conversation, turns=tuple(turns))


def analysed(conversation: Conversation) -> dict[Dimension, DimensionResult]:
    """Return all six dimensions."""
    engine = LocalEngine()
    document = engine.prepare(conversation)
    results: dict[Dimension, DimensionResult] = {}
    for dimension in Dimension:
        results[dimension] = engine.analyze(document, dimension, results)
    return results


def everything_in(value: object) -> Iterator[object]:
    """Yield a value and all that it is made of."""
    yield value
    if is_dataclass(value):
        for field in fields(value):
            yield from everything_in(getattr(value, field.name))
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from everything_in(item)


def all_of(kind: type[T], value: object) -> list[T]:
    """Return every value of a kind within another."""
    return [found for found in everything_in(value) if isinstance(found, kind)]
