"""Which terms set one text apart from another: log-odds with an informative Dirichlet prior.

Monroe, Colaresi & Quinn 2008 ("Fightin' Words"), whose z-score neither rewards the rare nor the merely
frequent.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Final

#: Weight of the prior, in words. The prior is the two texts together.
_PRIOR_WORDS: Final = 50.0


def distinctive(own: Counter[str], other: Counter[str], limit: int) -> tuple[str, ...]:
    """Return up to `limit` terms that `own` uses more than `other`, strongest first.

    With nothing to compare with, the most frequent ones.
    """
    return _strongest(own, lambda term, _: other.get(term, 0), other.total(), limit)


def distinctive_part(own: Counter[str], whole: Counter[str], limit: int) -> tuple[str, ...]:
    """Return the same for a part of a text, compared with the rest of `whole`."""
    return _strongest(own, lambda term, count: whole[term] - count, whole.total() - own.total(), limit)


def _strongest(
    own: Counter[str], elsewhere_of: Callable[[str, int], int], other_total: int, limit: int
) -> tuple[str, ...]:
    own_total = own.total()
    if not own_total:
        return ()
    if not other_total:
        return tuple(term for term, _ in sorted(own.items(), key=lambda entry: (-entry[1], entry[0]))[:limit])
    everything = own_total + other_total
    #: Many terms are as frequent as another one.
    scores: dict[tuple[int, int], float] = {}
    scored: list[tuple[float, str]] = []
    for term, count in own.items():
        elsewhere = elsewhere_of(term, count)
        score = scores.get((count, elsewhere))
        if score is None:
            prior = _PRIOR_WORDS * (count + elsewhere) / everything
            here = math.log((count + prior) / (own_total + _PRIOR_WORDS - count - prior + 1))
            there = math.log((elsewhere + prior) / (other_total + _PRIOR_WORDS - elsewhere - prior + 1))
            score = (here - there) / math.sqrt(1 / (count + prior) + 1 / (elsewhere + prior))
            scores[count, elsewhere] = score = -round(score, 9) if score > 0 else 1.0
        if score <= 0:
            scored.append((score, term))
    return tuple(term for _, term in sorted(scored)[:limit])
