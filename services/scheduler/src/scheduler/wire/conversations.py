"""Conversations, analyses and insights: documents of the store to messages, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from bothsides.jobs import v1 as pb
from common.store.documents import Document
from scheduler.transcripts import Outline, TurnOutline
from scheduler.wire.times import instant_to_pb


@dataclass(frozen=True, slots=True)
class Manuscript:
    """A conversation as the store keeps it."""

    body: bytes
    about: bytes


def outline_from_pb(conversation: pb.Conversation) -> Outline:
    """Return a conversation without its text."""
    turns = [
        TurnOutline(
            turn.turn_id,
            turn.participant_id,
            turn.start_seconds if turn.HasField("start_seconds") else None,
            turn.end_seconds if turn.HasField("end_seconds") else None,
        )
        for turn in conversation.turns
    ]
    participants = [participant.participant_id for participant in conversation.participants]
    return Outline(participants, turns, conversation.ByteSize())


def texts_from_pb(conversation: pb.Conversation) -> Iterator[tuple[str, str]]:
    """Yield what people wrote, each under the name of its field in a request."""
    yield "conversation.title", conversation.title
    yield "conversation.motion", conversation.motion
    for place, turn in enumerate(conversation.turns):
        yield f"conversation.turns[{place}].text", turn.text


def manuscript_from_pb(conversation: pb.Conversation, speakers: list[str]) -> Manuscript:
    """Return what to keep of a conversation that was checked; without participants, `speakers` are they."""
    kept = pb.Conversation()
    kept.CopyFrom(conversation)
    if not kept.participants:
        kept.participants.extend(pb.Participant(participant_id=speaker) for speaker in speakers)
    kept.turn_count = len(kept.turns)
    kept.word_count = sum(len(turn.text.split()) for turn in kept.turns)
    kept.ClearField("update_time")  # the store's to say
    about = {"title": kept.title, "turns": kept.turn_count, "words": kept.word_count}
    return Manuscript(kept.SerializeToString(), orjson.dumps(about))


def conversation_to_pb(document: Document) -> pb.Conversation:
    """Return a conversation that was read whole."""
    conversation = pb.Conversation.FromString(document.body)
    conversation.update_time.CopyFrom(instant_to_pb(document.updated_ms))
    return conversation


def conversation_entry_to_pb(document: Document) -> pb.Conversation:
    """Return what a list shows of a conversation."""
    about: dict[str, Any] = orjson.loads(document.about or b"{}")
    return pb.Conversation(
        conversation_id=document.document_id,
        title=about.get("title", ""),
        turn_count=about.get("turns", 0),
        word_count=about.get("words", 0),
        update_time=instant_to_pb(document.updated_ms),
    )


def analysis_to_pb(document: Document) -> pb.Analysis:
    """Return an analysis; without its result if it was not read whole."""
    analysis = pb.Analysis(
        conversation_id=document.document_id,
        job_id=document.job_id,
        update_time=instant_to_pb(document.updated_ms),
    )
    if document.body:
        analysis.result.ParseFromString(document.body)
    return analysis


def insights_to_pb(document: Document) -> pb.Insights:
    """Return a participant's insights."""
    insights = pb.Insights(
        participant_id=document.document_id,
        job_id=document.job_id,
        update_time=instant_to_pb(document.updated_ms),
    )
    insights.result.ParseFromString(document.body)
    return insights
