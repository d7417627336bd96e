"""Walks a whole analysis as it goes over the wire, and holds what it says to what the contract promises."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from google.protobuf.message import Message

from analysis_worker.domain.conversation import Conversation
from analysis_worker.domain.result import Dimension
from analysis_worker.engines.local.engine import LocalEngine
from analysis_worker.wire.analysis import analysis_to_pb
from bothsides.jobs import v1 as pb
from support.analysis import analysed

#: Lowest and highest value of each unit that has both or one.
_UNITS: Final[Mapping[str, tuple[float, float]]] = {
    "0..1": (0, 1),
    "-1..1": (-1, 1),
    "0..2": (0, 2),
    "1": (0, 1),
    "per sentence": (0, 1),
    "per 100 words": (0, 100 * 100),
    **dict.fromkeys(
        ("words", "sentences", "turns", "questions", "claims", "premises", "interruptions", "s", "1/min"),
        (0, math.inf),
    ),
    # A slope and a grade have no ends.
    "per 100 turns": (-math.inf, math.inf),
    "school grade": (-math.inf, math.inf),
}
#: Plain numbers from 0 to 1.
_SHARES: Final = frozenset(
    ("confidence", "language_confidence", "boundary_confidence", "share", "drift", "weight")
)


def message_of(conversation: Conversation) -> pb.DebateAnalysis:
    """Return everything that the engine says of a conversation."""
    engine = LocalEngine()
    document = engine.prepare(conversation)
    provenance = [engine.provenance(dimension, document) for dimension in Dimension]
    analysis = engine.combine(
        conversation.conversation_id,
        engine.overview(document),
        analysed(conversation),
        provenance,
        engine.safety(document),
    )
    return analysis_to_pb(analysis, include_detailed=True)


def assert_sound(conversation: Conversation, message: pb.DebateAnalysis) -> None:
    """Hold every number to its range, every missing one to its reason, every quote to its turn."""
    for path, value in _numbers(message, ""):
        assert math.isfinite(value), path
        if path.rpartition(".")[2] in _SHARES:
            assert 0 <= value <= 1, path
        assert round(value, 4) == value, f"{path} is not rounded"
    for part in _messages(message):
        if isinstance(part, pb.Metric):
            _assert_metric(part)
        elif isinstance(part, pb.Rating):
            assert part.HasField("score") == (part.basis != pb.Metric.NONE)
            assert part.why
            assert not part.HasField("score") or 1 <= part.score <= 5
            assert part.confidence <= 0.4
        elif isinstance(part, pb.Evidence):
            assert 0 < part.end - part.start == len(part.quote) <= 400
            assert any(
                turn.text[part.start : part.end] == part.quote
                for turn in conversation.turns
                if turn.turn_id == part.turn_id
            )
        elif isinstance(part, pb.Tone.Point):
            assert abs(part.valence) <= 1
            assert 0 <= part.intensity <= 1
            assert part.sample_size > 0


def _assert_metric(metric: pb.Metric) -> None:
    assert metric.sample_size >= 0
    if not metric.HasField("value"):
        assert metric.note
        assert metric.basis == pb.Metric.NONE
        assert metric.confidence == 0
        assert not metric.HasField("ci95")
        return
    assert metric.basis not in (pb.Metric.NONE, pb.Metric.BASIS_UNSPECIFIED)
    # 0 is a count of something, never a count of nothing
    assert metric.sample_size > 0 or metric.unit in ("words", "sentences", "turns")
    low, high = _UNITS[metric.unit]
    assert low <= metric.value <= high, metric
    if metric.HasField("ci95"):
        assert low <= metric.ci95.low <= metric.value <= metric.ci95.high <= high, metric


def _messages(message: Message) -> Iterator[Message]:
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if field.is_repeated else (value,):
                yield from _messages(inner)


def _numbers(message: Message, path: str) -> Iterator[tuple[str, float]]:
    for field, value in message.ListFields():
        place = f"{path}.{field.name}"
        for inner in value if field.is_repeated else (value,):
            if isinstance(inner, Message):
                yield from _numbers(inner, place)
            elif isinstance(inner, float):
                yield place, inner
