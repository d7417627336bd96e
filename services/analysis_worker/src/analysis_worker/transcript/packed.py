"""What goes between processes about an analysis: dimensions that are made, and what is pickled once."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis_worker.domain.result import Dimension, DimensionResult, Provenance
from analysis_worker.domain.unshown import Unshown

if TYPE_CHECKING:
    from analysis_worker.engines.openai.estimates import Estimate
    from analysis_worker.engines.openai.outbound import Outbound, Way


@dataclass(frozen=True, slots=True)
class Finished:
    """One dimension, and how it was made."""

    dimension: Dimension
    result: DimensionResult
    provenance: Provenance


@dataclass(frozen=True, slots=True, repr=False)
class Packed(Unshown):
    """A debate as it may leave, pickled once for all processes that it goes to."""

    body: bytes = field(repr=False)

    @classmethod
    def of(cls, debate: Outbound) -> Packed:
        """Pack a debate."""
        return cls(pickle.dumps(debate, pickle.HIGHEST_PROTOCOL))

    def unpacked(self) -> Outbound:
        """Return the debate."""
        debate: Outbound = pickle.loads(self.body)  # noqa: S301 - made by a child of this worker
        return debate


@dataclass(frozen=True, slots=True, repr=False)
class WrittenWindow(Unshown):
    """What is sent of a window, checked; nothing where that has to be said to who asks about it."""

    sent: Mapping[Way, str] = field(repr=False)
    estimates: tuple[Estimate, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class PackedLocal(Unshown):
    """A dimension of the local engine, pickled once for what is put into it."""

    body: bytes = field(repr=False)

    @classmethod
    def of(cls, made: Finished) -> PackedLocal:
        """Pack a dimension."""
        return cls(pickle.dumps(made, pickle.HIGHEST_PROTOCOL))

    @classmethod
    def all_of(
        cls, made: Mapping[Dimension, Finished], wanted: Iterable[Dimension]
    ) -> dict[Dimension, PackedLocal]:
        """Pack those dimensions of the wanted ones that are made."""
        return {dimension: cls.of(made[dimension]) for dimension in wanted if dimension in made}

    def unpacked(self) -> Finished:
        """Return the dimension."""
        made: Finished = pickle.loads(self.body)  # noqa: S301 - made by this worker
        return made
