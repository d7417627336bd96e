"""How varied a vocabulary is, by three measures that do not fall with the length of the text.

Pure functions of a sequence of words. Each returns None where its definition gives no value.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

#: Window of the moving average (Covington & McFall 2010).
MATTR_WINDOW: Final = 50
#: Sample of the hypergeometric measure (McCarthy & Jarvis 2010).
HDD_SAMPLE: Final = 42
#: Below this many words MTLD is not stable (McCarthy & Jarvis 2010).
MTLD_FEWEST_WORDS: Final = 100
#: Type-token ratio at which a factor is complete (McCarthy & Jarvis 2010).
_MTLD_THRESHOLD: Final = 0.72


def mattr(words: Sequence[str], window: int = MATTR_WINDOW) -> float | None:
    """Return the mean type-token ratio over every window of `window` words; None in a shorter text."""
    if len(words) < window:
        return None
    counts = Counter(words[:window])
    types = total = len(counts)
    for leaving, entering in zip(words, words[window:], strict=False):
        counts[leaving] -= 1
        if not counts[leaving]:
            types -= 1
        if not counts[entering]:
            types += 1
        counts[entering] += 1
        total += types
    return total / (window * (len(words) - window + 1))


def mtld(words: Sequence[str], threshold: float = _MTLD_THRESHOLD) -> float | None:
    """Return the mean length of stretches that keep their type-token ratio above `threshold`, both ways.

    None where no word repeats: there is then no factor to divide by.
    """
    factors_forth, factors_back = _factors(words, threshold), _factors(words[::-1], threshold)
    if not factors_forth or not factors_back:
        return None
    return (len(words) / factors_forth + len(words) / factors_back) / 2


def _factors(words: Sequence[str], threshold: float) -> float:
    """Count complete stretches, and what is left as the part of one that it is."""
    factors = 0.0
    types: set[str] = set()
    tokens = 0
    for word in words:
        tokens += 1
        types.add(word)
        if len(types) / tokens <= threshold:
            factors += 1
            types, tokens = set(), 0
    if tokens:
        factors += (1 - len(types) / tokens) / (1 - threshold)
    return factors


def hdd(words: Sequence[str], sample: int = HDD_SAMPLE) -> float | None:
    """Return the type-token ratio to expect in a random sample of `sample` words; None in a shorter text.

    Sums, over the types, the chance that a type is drawn at all (hypergeometric), divided by the sample size.
    """
    count = len(words)
    if count < sample:
        return None
    # Types of equal frequency have equal chances, and sorting makes the sum independent of the order of
    # words.
    frequencies = sorted(Counter(Counter(words).values()).items())
    return (
        math.fsum(types * (1 - _chance_of_none(count, frequency, sample)) for frequency, types in frequencies)
        / sample
    )


def _chance_of_none(population: int, successes: int, draws: int) -> float:
    """Return the hypergeometric chance that none of `draws` hits one of `successes`."""
    if population - successes < draws:
        return 0.0
    return math.exp(
        math.lgamma(population - successes + 1)
        - math.lgamma(population - successes - draws + 1)
        - math.lgamma(population + 1)
        + math.lgamma(population - draws + 1)
    )
