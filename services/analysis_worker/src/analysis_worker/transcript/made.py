"""What one analysis has made: kept as it comes, published as soon as nothing more comes of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Final

from analysis_worker.domain.result import Arguments, DebateAnalysis, Dimension, Overview, Topics
from analysis_worker.transcript.packed import Finished
from analysis_worker.transcript.placing import placed
from analysis_worker.transcript.screening import Screen
from analysis_worker.wire.analysis import analysis_to_pb
from bothsides.jobs import v1 as pb

#: Claims name the topic in which they stand.
_TOGETHER: Final = frozenset({Dimension.TOPICS, Dimension.ARGUMENTS})
_ORDER: Final = {dimension: place for place, dimension in enumerate(Dimension)}


class Made:
    """The dimensions of one conversation.

    Args:
        publish: Gets each part of the result under its name, such as "tone".
    """

    #: Set when the conversation has been read, which is before anything is settled.
    overview: Overview

    def __init__(
        self,
        conversation_id: str,
        conversation: bytes,
        screen: Screen,
        publish: Callable[[str, pb.JobResult], None],
        *,
        include_detailed: bool,
    ) -> None:
        self._conversation_id = conversation_id
        self._conversation = conversation
        self._screen = screen
        self._publish_part = publish
        self._include_detailed = include_detailed
        #: Made by the local engine; replaced by what a model made.
        self.finished: dict[Dimension, Finished] = {}
        #: What was published, and of what it was made.
        self._written: dict[Dimension, tuple[Finished, pb.DebateAnalysis]] = {}
        #: Nothing more comes of these.
        self.settled: set[Dimension] = set()

    def settle(self, made: Finished) -> None:
        """Keep and publish a dimension that is done, and claims once more when their topics are."""
        self.finished[made.dimension] = made
        self.settled.add(made.dimension)
        if made.dimension not in _TOGETHER or not self._to_be_placed():
            self._publish(made)
            return
        topics, argued = self.finished[Dimension.TOPICS], self.finished[Dimension.ARGUMENTS]
        if isinstance(topics.result, Topics) and isinstance(argued.result, Arguments):
            argued = replace(argued, result=placed(argued.result, topics.result, self._turn_ids()))
            self.finished[Dimension.ARGUMENTS] = argued
        if made.dimension is Dimension.TOPICS:
            self._publish(made)
        self._publish(argued)

    def analysis(self, parts: Collection[Finished] | None = None) -> pb.DebateAnalysis:
        """Put dimensions together, in their own order and not in that of their finishing.

        Args:
            parts: Which; None for all.
        """
        if parts is None and all(map(self._is_written, self.finished.values())):
            return self._joined()
        chosen = self.finished.values() if parts is None else parts
        made = sorted(chosen, key=lambda finished: _ORDER[finished.dimension])
        results: dict[str, Any] = {finished.dimension.value: finished.result for finished in made}
        provenance = tuple(finished.provenance for finished in made)
        analysis = DebateAnalysis(
            self._conversation_id,
            self.overview,
            **results,
            safety=self._screen.safety,
            provenance=provenance,
        )
        written = analysis_to_pb(analysis, include_detailed=self._include_detailed)
        self._screen.mask(written)
        return written

    def _to_be_placed(self) -> bool:
        """Say whether topics and claims are both there, and not of one engine that has placed them itself."""
        return self.settled >= _TOGETHER and any(
            self.finished[dimension].provenance.model for dimension in _TOGETHER
        )

    def _turn_ids(self) -> list[str]:
        return [turn.turn_id for turn in pb.Conversation.FromString(self._conversation).turns]

    def _is_written(self, finished: Finished) -> bool:
        known = self._written.get(finished.dimension)
        return known is not None and known[0] is finished

    def _joined(self) -> pb.DebateAnalysis:
        """Put together what was published of each dimension, and what else is in an analysis."""
        joined = self.analysis([])
        for dimension in sorted(self.finished, key=_ORDER.__getitem__):
            _, part = self._written[dimension]
            joined.provenance.extend(part.provenance)
            if part.HasField(dimension.value):
                getattr(joined, dimension.value).CopyFrom(getattr(part, dimension.value))
        self._screen.mask(joined)
        return joined

    def _publish(self, finished: Finished) -> None:
        written = self.analysis([finished])
        self._written[finished.dimension] = finished, written
        self._publish_part(finished.dimension.value, pb.JobResult(analysis=written))
