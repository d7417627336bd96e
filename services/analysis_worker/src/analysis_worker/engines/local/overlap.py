"""How much of one text's content another takes up, with rare terms counting more."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection

from analysis_worker.engines.local.document import Document


class Overlap:
    """Compares content by the inverse document frequency of shared stems, over the debate's turns."""

    def __init__(self, document: Document) -> None:
        """Count in how many turns each stem occurs."""
        self._turns = len(document.turns)
        self._frequency = Counter(term for turn in document.turns for term in turn.content)

    def weight(self, term: str) -> float:
        """Return the term's weight: near 0 if every turn has it."""
        return math.log(1 + (self._turns + 1) / (self._frequency.get(term, 0) + 0.5))

    def share(self, terms: Collection[str], other: Collection[str]) -> float:
        """Return how much of the weight of `terms` occurs in `other`, 0 to 1.

        Sums with `fsum`, so that the order of the terms does not move the last bits.
        """
        total = math.fsum(self.weight(term) for term in terms)
        return math.fsum(self.weight(term) for term in terms if term in other) / total if total else 0.0

    def expected_share(self, terms: Collection[str]) -> float:
        """Return the share to expect in a turn drawn at random: what a reply reaches without listening."""
        total = math.fsum(self.weight(term) for term in terms)
        by_chance = math.fsum(
            self.weight(term) * self._frequency.get(term, 0) / self._turns for term in terms
        )
        return by_chance / total if total else 0.0
