"""Cuts a sequence of vectors into the stretches that hold together best.

Dynamic programming over the places where a cut is allowed (the scheme of Utiyama & Isahara 2001, with the
length of a stretch's summed vectors in place of its word likelihood: unit vectors that agree add up to a
long one).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from analysis_worker.engines.local.space import Matrix

#: A stretch is at least this part of the average one.
_SHORTEST: Final = 0.25


def best_cuts(vectors: Matrix, places: Sequence[int], bonus: Sequence[float], stretches: int) -> list[int]:
    """Return the rows at which `stretches` stretches begin; the first is 0, the others stand in `places`.

    Fewer, where there are not enough places at a sensible distance. `bonus` favours a place, in parts of an
    average stretch's own gain. `places` rise and begin with 0. Cost: places squared, times stretches.
    """
    stretches = min(stretches, len(places))
    if stretches < 2:
        return [0]
    total = len(vectors)
    ends = [*places, total]
    sums = np.vstack([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, axis=0)])[ends]
    squares = np.einsum("ij,ij->i", sums, sums)
    gain = np.sqrt(np.maximum(0.0, squares[:, None] + squares[None, :] - 2 * (sums @ sums.T)))
    rows = np.array(ends)
    too_short = rows[None, :] - rows[:, None] < _SHORTEST * total / stretches
    favour = np.array([*bonus, 0.0]) * gain[0, -1] / stretches
    favour[0] = 0.0
    step = np.where(too_short, -np.inf, gain + favour[:, None])
    return _trace(step, ends, stretches)


def _trace(step: Matrix, ends: Sequence[int], stretches: int) -> list[int]:
    """Follow the best way from the first place to the end, in as many steps as possible."""
    best = step[0]
    came_from: list[np.ndarray] = []
    reached = 0
    for taken in range(1, stretches):
        ways = best[:, None] + step
        came_from.append(np.argmax(ways, axis=0))
        best = np.max(ways, axis=0)
        if np.isfinite(best[-1]):
            reached = taken
    cuts: list[int] = []
    at = len(ends) - 1
    for taken in range(reached, 0, -1):
        at = int(came_from[taken - 1][at])
        cuts.append(ends[at])
    return [0, *reversed(cuts)]


def evenly(places: Sequence[int], most: int) -> list[int]:
    """Return at most `most` of the places, evenly spread."""
    if len(places) <= most:
        return list(places)
    return [places[at * len(places) // most] for at in range(most)]
