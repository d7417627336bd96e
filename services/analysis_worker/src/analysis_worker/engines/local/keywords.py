"""Which terms set one text apart from another: log-odds with an informative Dirichlet prior.

Monroe, Colaresi & Quinn 2008 ("Fightin' Words"), whose z-score neither rewards the rare nor the merely
frequent.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

#: Weight of the prior, in words. The prior is the two texts together.
_PRIOR_WORDS: Final = 50.0


def distinctive(own: Counter[str], other: Counter[str], limit: int) -> tuple[str, ...]:
    """Return up to `limit` terms that `own` uses more than `other`, strongest first.

    With nothing to compare with, the most frequent ones.
    """
    own_total, other_total = own.total(), other.total()
    if not own_total:
        return ()
    if not other_total:
        return tuple(term for term, _ in sorted(own.items(), key=lambda entry: (-entry[1], entry[0]))[:limit])
    everything = own_total + other_total
    scored: list[tuple[float, str]] = []
    for term, count in own.items():
        elsewhere = other.get(term, 0)
        prior = _PRIOR_WORDS * (count + elsewhere) / everything
        here = math.log((count + prior) / (own_total + _PRIOR_WORDS - count - prior + 1))
        there = math.log((elsewhere + prior) / (other_total + _PRIOR_WORDS - elsewhere - prior + 1))
        score = (here - there) / math.sqrt(1 / (count + prior) + 1 / (elsewhere + prior))
        if score > 0:
            scored.append((-round(score, 9), term))
    return tuple(term for _, term in sorted(scored)[:limit])
