"""The local engine: all six dimensions, without a key, a download or a network.

Deterministic: the same conversation gives the same bytes, in any process. Takes and returns plain values,
so that it can run in a child process that may be killed. Never raises for what stands in a conversation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeVar

from analysis_worker.domain.conversation import Conversation
from analysis_worker.domain.metric import rounded
from analysis_worker.domain.result import (
    Arguments,
    DebateAnalysis,
    DegradedReason,
    Dimension,
    DimensionResult,
    Interaction,
    Linguistics,
    Overview,
    Provenance,
    Quality,
    Tone,
    Topics,
    TurnLanguage,
)
from analysis_worker.domain.safety import Safety
from analysis_worker.engines.local import arguments, interaction, linguistics, quality, tone, topics
from analysis_worker.engines.local import document as documents
from analysis_worker.engines.local.document import Document
from analysis_worker.engines.local.timing import timing_of
from analysis_worker.engines.local.version import ENGINE_NAME, ENGINE_VERSION
from analysis_worker.privacy.safety import safety_of

__all__ = ["ENGINE_VERSION", "LocalEngine"]

_METHODS: Final[Mapping[Dimension, str]] = MappingProxyType(
    {
        Dimension.TONE: tone.METHOD,
        Dimension.TOPICS: topics.METHOD,
        Dimension.ARGUMENTS: arguments.METHOD,
        Dimension.LINGUISTICS: linguistics.METHOD,
        Dimension.INTERACTION: interaction.METHOD,
        Dimension.QUALITY: quality.METHOD,
    }
)
Result = TypeVar("Result", bound=DimensionResult)
_NOTHING_EARLIER: Final[Mapping[Dimension, DimensionResult]] = MappingProxyType({})


class LocalEngine:
    """Analyses a prepared conversation, one dimension at a time. Holds no state."""

    name: Final = ENGINE_NAME
    version: Final = ENGINE_VERSION

    def prepare(self, conversation: Conversation) -> Document:
        """Cut the conversation into sentences and words, once for all dimensions."""
        return documents.prepare(conversation)

    def analyze(
        self,
        document: Document,
        dimension: Dimension,
        earlier: Mapping[Dimension, DimensionResult] = _NOTHING_EARLIER,
    ) -> DimensionResult:
        """Return one dimension.

        Arguments name their topics if these stand in `earlier`; quality rests on arguments and interaction,
        and makes what is missing there. The results in `earlier` may come from any engine.
        """
        match dimension:
            case Dimension.TONE:
                return tone.analyze_tone(document)
            case Dimension.TOPICS:
                return topics.analyze_topics(document)
            case Dimension.ARGUMENTS:
                found = earlier.get(Dimension.TOPICS)
                return arguments.analyze_arguments(document, found if isinstance(found, Topics) else None)
            case Dimension.LINGUISTICS:
                return linguistics.analyze_linguistics(document)
            case Dimension.INTERACTION:
                return interaction.analyze_interaction(document)
            case Dimension.QUALITY:
                return self._quality(document, earlier)

    def overview(self, document: Document) -> Overview:
        """Return the debate's bare facts."""
        duration_s = timing_of(document).duration_s
        return Overview(
            language=document.language.tag,
            language_confidence=document.language.confidence,
            turn_count=len(document.conversation.turns),
            word_count=document.word_count,
            duration_s=None if duration_s is None else rounded(duration_s),
            turn_languages=tuple(
                TurnLanguage(turn.turn.turn_id, turn.other_language.tag, turn.other_language.confidence)
                for turn in document.turns
                if turn.other_language is not None
            ),
        )

    def safety(self, document: Document) -> Safety:
        """Return what is flagged in the debate."""
        return safety_of(document.conversation, english=document.english)

    def provenance(
        self, dimension: Dimension, document: Document, *, degraded_reason: DegradedReason | None = None
    ) -> Provenance:
        """Say how this engine makes a dimension; without a time, so that equal input gives equal bytes."""
        return Provenance(
            dimension=dimension,
            engine=ENGINE_NAME,
            engine_version=ENGINE_VERSION,
            method=_METHODS[dimension],
            input_sha256=document.sha256,
            degraded_reason=degraded_reason,
        )

    def combine(
        self,
        conversation_id: str,
        overview: Overview,
        results: Mapping[Dimension, DimensionResult],
        provenance: Iterable[Provenance],
        safety: Safety | None = None,
    ) -> DebateAnalysis:
        """Put dimensions together, whoever made them, in the order of `Dimension`.

        Raises:
            TypeError: A result is not of its dimension's type.
        """
        order = list(Dimension)
        return DebateAnalysis(
            conversation_id=conversation_id,
            overview=overview,
            tone=_of_type(results, Dimension.TONE, Tone),
            topics=_of_type(results, Dimension.TOPICS, Topics),
            arguments=_of_type(results, Dimension.ARGUMENTS, Arguments),
            linguistics=_of_type(results, Dimension.LINGUISTICS, Linguistics),
            interaction=_of_type(results, Dimension.INTERACTION, Interaction),
            quality=_of_type(results, Dimension.QUALITY, Quality),
            safety=safety,
            provenance=tuple(
                sorted(
                    (made for made in provenance if made.dimension in results),
                    key=lambda made: order.index(made.dimension) if made.dimension else -1,
                )
            ),
        )

    def _quality(self, document: Document, earlier: Mapping[Dimension, DimensionResult]) -> Quality:
        argued = earlier.get(Dimension.ARGUMENTS)
        if not isinstance(argued, Arguments):
            argued = arguments.analyze_arguments(document)
        interacted = earlier.get(Dimension.INTERACTION)
        if not isinstance(interacted, Interaction):
            interacted = interaction.analyze_interaction(document)
        return quality.analyze_quality(document, argued, interacted)


def _of_type(
    results: Mapping[Dimension, DimensionResult], dimension: Dimension, expected: type[Result]
) -> Result | None:
    found = results.get(dimension)
    if found is None or isinstance(found, expected):
        return found
    raise TypeError(f"results[{dimension}] is a {type(found).__name__}, not a {expected.__name__}")
