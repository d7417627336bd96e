"""What child processes run for an analysis. Conversations come as bytes, results leave as domain objects.

A child keeps the last conversations it prepared, so that the dimensions of one debate prepare it once, and
while a model is asked. The engine, with all that it imports, is loaded in children only: the parent needs no
more than these names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from analysis_worker.domain.conversation import Conversation, Turn
from analysis_worker.domain.result import (
    DegradedReason,
    Dimension,
    DimensionResult,
    Overview,
    Provenance,
    ReflectionAnalysis,
)
from analysis_worker.domain.safety import Safety
from analysis_worker.transcript.packed import Finished, Packed, PackedLocal, WrittenWindow
from analysis_worker.wire.conversation import conversation_from_pb
from bothsides.jobs import v1 as pb
from common.provider.planning import WINDOW_TOKENS

if TYPE_CHECKING:
    from analysis_worker.engines.local.document import Document
    from analysis_worker.engines.local.engine import LocalEngine
    from analysis_worker.engines.openai.findings import Found
    from analysis_worker.engines.openai.outbound import Outbound, Way
    from analysis_worker.engines.openai.reflections.reading import ReflectionFound
    from analysis_worker.engines.openai.reflections.written import Written
    from analysis_worker.privacy.placeholders import PlaceholderMap

#: Prepared conversations that a child keeps, however long: the present one, and one that may come back.
DOCUMENTS_KEPT: Final = 2
#: So much of others (bytes, serialized; prepared they take five times as much).
KEPT_BYTES: Final = 1024**2

#: Windows that are written together with the text: the others come while these leave.
FIRST: Final = 1

_WARM_UP: Final = pb.Conversation(
    conversation_id="warm-up",
    participants=[pb.Participant(participant_id="a", display_name="Ada"), pb.Participant(participant_id="b")],
    turns=[
        pb.Turn(turn_id="1", participant_id="a", text="We should wait, because nothing is ready."),
        pb.Turn(
            turn_id="2",
            participant_id="b",
            text="I do not agree, Ada, that waiting 9 days with Lexow would help.",
        ),
    ],
)


def warm() -> None:
    """Load all that analyses need by making a very short one, so that the first task does not wait for it."""
    import numpy as np

    # OpenBLAS takes its buffers at the first product, and ends the process if it cannot have them: now, then,
    # while no limit is set.
    square = np.ones((256, 256))
    np.matmul(square, square)
    sample = _WARM_UP.SerializeToString()
    read(sample)
    for wanted in Dimension:
        dimension(sample, wanted, {})
    _forget()


def warm_for_models() -> None:
    """Load also what stands around models, by putting nothing of a model's into a very short analysis."""
    from analysis_worker.engines.openai.findings import Found, ToneFound
    from analysis_worker.engines.openai.wording import kept

    warm()
    sample = _WARM_UP.SerializeToString()
    packed, _, _ = outbound(sample, b"", None, [(False, False), (False, True), (True, False)])
    debate = packed.unpacked()
    kept(debate, "Waiting would not help.", debate.lines)
    nothing = Found(ToneFound(()), "", "", windows=0, items=0, dropped=0, withheld=0)
    by_model(sample, PackedLocal.of(dimension(sample, Dimension.TONE, {})), packed, nothing)
    _forget()


def read(conversation: bytes) -> tuple[Overview, Safety]:
    """Return a debate's bare facts and what is flagged in it, and keep it prepared.

    Takes a serialized Conversation.
    """
    document = _document(conversation)
    return _engine().overview(document), _engine().safety(document)


def dimension(
    conversation: bytes, wanted: Dimension, earlier: Mapping[Dimension, DimensionResult]
) -> Finished:
    """Return one dimension of a debate; `earlier` holds those that are finished."""
    document = _document(conversation)
    result = _engine().analyze(document, wanted, earlier)
    return Finished(wanted, result, _engine().provenance(wanted, document))


def outbound(
    conversation: bytes, secret: bytes, kept: bytes | None, ways: Sequence[Way] = ()
) -> tuple[Packed, bytes, tuple[WrittenWindow, ...]]:
    """Return a debate as it may leave the process, its placeholder map, and what is sent first of it.

    Args:
        kept: The map to begin with, as `PlaceholderMap.to_bytes` gives it.
        ways: In which its windows will be sent.
    """
    from analysis_worker.engines.openai.outbound import outbound_of

    made = outbound_of(_conversation(conversation), secret, _map(kept))
    made.placeholders.checks()  # here, and not on the loop of all jobs
    packed = Packed.of(made)
    _keep_debate(packed, made)
    return packed, made.placeholders.to_bytes(), written(packed, range(FIRST), ways)


def written(packed: Packed, places: Sequence[int], ways: Sequence[Way]) -> tuple[WrittenWindow, ...]:
    """Return what is sent of some windows of a debate, as far as it has them."""
    from analysis_worker.engines.openai.estimates import estimate_of
    from analysis_worker.engines.openai.outbound import what_is_sent, windows

    debate = _debate(packed)
    parts = windows(debate, WINDOW_TOKENS) if ways else ()
    sent = [what_is_sent(debate, parts[place], ways) for place in places if place < len(parts)]
    return tuple(WrittenWindow(each, tuple(map(estimate_of, each.values()))) for each in sent)


def ready(conversation: bytes, packed: Packed, locals_: Sequence[PackedLocal]) -> None:
    """Prepare what answers of models are put into, while they are waited for."""
    from analysis_worker.engines.openai.combine import prepare

    prepare(_debate(packed), _document(conversation))
    for each in locals_:
        _local(each)


def by_model(conversation: bytes, made: PackedLocal, packed: Packed, found: Found) -> Finished:
    """Return a dimension with what a model found of it in the place of what the local engine suspected."""
    from analysis_worker.engines.openai.combine import combined
    from analysis_worker.engines.openai.tone import NotBelieved

    local = _local(made)
    try:
        result = combined(local.result, _debate(packed), found, lambda: _document(conversation))
    except NotBelieved:
        degraded = replace(
            local.provenance, degraded_reason=DegradedReason.INVALID_OUTPUT, passed_over=found.passed_over
        )
        return replace(local, provenance=degraded)
    return Finished(local.dimension, result, _found(local.provenance, found))


def topics_by_model(conversation: bytes, packed: Packed, found: Found) -> Finished:
    """Return topics as a model found them, without having made the local ones, of which nothing is left."""
    from analysis_worker.engines.openai.combine import combined

    document = _document(conversation)
    result = combined(None, _debate(packed), found, lambda: document)
    return Finished(Dimension.TOPICS, result, _found(_engine().provenance(Dimension.TOPICS, document), found))


def read_with_topics(conversation: bytes, packed: Packed, found: Found) -> tuple[Overview, Safety, Finished]:
    """Return what `read` and `topics_by_model` do."""
    return *read(conversation), topics_by_model(conversation, packed, found)


def _found(counted: Provenance, found: Found) -> Provenance:
    """Return how a dimension was made that a model found, of the same input as the local engine's."""
    from analysis_worker.engines.openai.findings import ENGINE_NAME, ENGINE_VERSION

    return Provenance(
        dimension=counted.dimension,
        engine=ENGINE_NAME,
        engine_version=ENGINE_VERSION,
        method=found.method,
        input_sha256=counted.input_sha256,
        model=found.model,
        prompt_sha256=found.prompt_sha256,
        passed_over=found.passed_over,
        prompts=found.prompts,
    )


def reflection(text: str, conversation: bytes | None, participant_id: str | None) -> ReflectionAnalysis:
    """Return the reading of a reflection, on a debate if one is named."""
    from analysis_worker.engines.local.reflection import analyze_reflection

    debate = None if conversation is None else _conversation(conversation)
    return analyze_reflection(text, debate, participant_id)


def reflection_safety(text: str, conversation: bytes | None) -> tuple[Safety, int]:
    """Return what is flagged in a reflection and its debate, and the reflection's place among the turns."""
    from analysis_worker.engines.local.language import identify
    from analysis_worker.engines.openai.reflections.written import REFLECTION_TURN_ID
    from analysis_worker.privacy.safety import safety_of

    debate = Conversation("") if conversation is None else _conversation(conversation)
    turns = (*debate.turns, Turn(REFLECTION_TURN_ID, "", text))
    texts = [turn.text for turn in turns]
    language = identify(texts, sum(len(said.split()) for said in texts), debate.language)
    return safety_of(replace(debate, turns=turns), english=language.english), len(debate.turns)


def written_reflection(
    text: str, conversation: bytes | None, participant_id: str | None, secret: bytes, kept: bytes | None
) -> Written:
    """Return a reflection as it may leave the process, with its debate if one is named."""
    from analysis_worker.engines.openai.reflections.written import written

    debate = None if conversation is None else _conversation(conversation)
    return written(text, debate, participant_id, secret, _map(kept))


def reflection_by_model(
    local: ReflectionAnalysis, reflection: Written, found: ReflectionFound
) -> ReflectionAnalysis:
    """Return a reading with what a model found in the place of what phrases show."""
    from analysis_worker.engines.openai.reflections.combine import combined

    return combined(local, reflection, found)


def _map(kept: bytes | None) -> PlaceholderMap | None:
    """Return a kept map; None if there is none, or none that this version can read."""
    from analysis_worker.privacy.placeholders import PlaceholderMap

    if kept is None:
        return None
    try:
        return PlaceholderMap.from_bytes(kept)
    except ValueError:
        return None


def keeps(conversations: int, total_bytes: int) -> bool:
    """Say whether so many conversations of so many bytes in all stay prepared beside each other."""
    return conversations <= DOCUMENTS_KEPT or total_bytes <= KEPT_BYTES


@cache
def _engine() -> LocalEngine:
    from analysis_worker.engines.local.engine import LocalEngine

    return LocalEngine()


#: By their serialized conversations, the one that was used last at the end.
_documents: Final[dict[bytes, Document]] = {}


def _document(conversation: bytes) -> Document:
    document = _documents.pop(conversation, None) or _engine().prepare(_conversation(conversation))
    _documents[conversation] = document
    while len(_documents) > DOCUMENTS_KEPT and sum(map(len, _documents)) > KEPT_BYTES:
        del _documents[next(iter(_documents))]
    return document


#: By how they were packed, the one that was used last at the end.
_debates: Final[dict[Packed, Outbound]] = {}


def _debate(packed: Packed) -> Outbound:
    known = _debates.pop(packed) if packed in _debates else packed.unpacked()
    return _keep_debate(packed, known)


def _keep_debate(packed: Packed, debate: Outbound) -> Outbound:
    _debates[packed] = debate
    while len(_debates) > DOCUMENTS_KEPT:
        del _debates[next(iter(_debates))]
    return debate


@lru_cache(maxsize=DOCUMENTS_KEPT * len(Dimension))
def _local(packed: PackedLocal) -> Finished:
    return packed.unpacked()


def _forget() -> None:
    _documents.clear()
    _local.cache_clear()
    _debates.clear()


def _conversation(conversation: bytes) -> Conversation:
    return conversation_from_pb(pb.Conversation.FromString(conversation))
