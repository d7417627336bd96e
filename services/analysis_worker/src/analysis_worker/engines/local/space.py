"""A space in which sentences that speak of the same thing lie close: TF-IDF reduced by LSA.

Salton & Buckley 1988 for the weights, Deerwester et al. 1990 for the reduction, Halko et al. 2011 for the
randomised decomposition. Fitted on the debate itself, so it knows no word from outside. The random
projection has a fixed seed: the same debate always gives the same space.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Matrix: TypeAlias = NDArray[np.float64]

_MAX_DIMENSIONS: Final = 60
_MAX_TERMS: Final = 8_000
#: A term in more than this share of the units tells nothing.
_TOO_COMMON: Final = 0.5
#: From here on, terms that occur in one unit only are left out: they link nothing.
_MANY_UNITS: Final = 100
_OVERSAMPLING: Final = 10
_POWER_ITERATIONS: Final = 4
_SEED: Final = 0


class LexicalSpace:
    """Vectors of unit length for the units it was fitted on, and for any other words."""

    def __init__(self, units: Sequence[Sequence[str]]) -> None:
        """Fit the space on `units`, each a sequence of terms."""
        frequency = Counter(term for unit in units for term in set(unit))
        fewest = 2 if len(units) >= _MANY_UNITS else 1
        most = max(2.0, _TOO_COMMON * len(units))
        kept = [(-count, term) for term, count in frequency.items() if fewest <= count <= most]
        terms = sorted(term for _, term in sorted(kept)[:_MAX_TERMS])
        self._column = {term: column for column, term in enumerate(terms)}
        self._idf = np.log((1 + len(units)) / (1 + np.array([frequency[term] for term in terms], float))) + 1
        weights = self._weights(units)
        self._axes = _principal_axes(weights)
        #: One row a unit, of length 1, or 0 where no term is known.
        self.vectors: Matrix = _normalised(weights @ self._axes)

    def vector(self, terms: Sequence[str]) -> Matrix:
        """Return the unit vector of any words; all zero where none is known."""
        vector: Matrix = _normalised(self._weights([terms]) @ self._axes)[0]
        return vector

    def _weights(self, units: Sequence[Sequence[str]]) -> sparse.csr_matrix:
        """Return sublinear term frequency times inverse document frequency, rows of length 1."""
        rows: list[int] = []
        columns: list[int] = []
        counts: list[int] = []
        for row, unit in enumerate(units):
            for term, count in Counter(unit).items():
                if (column := self._column.get(term)) is not None:
                    rows.append(row)
                    columns.append(column)
                    counts.append(count)
        values = (1 + np.log(np.array(counts, float))) * self._idf[columns] if counts else np.zeros(0)
        lengths = np.sqrt(np.bincount(rows, values**2, len(units))) if rows else np.zeros(len(units))
        values = values / lengths[rows] if rows else values
        return sparse.csr_matrix((values, (rows, columns)), shape=(len(units), len(self._column)))


def _principal_axes(weights: sparse.csr_matrix) -> Matrix:
    """Return the directions of greatest weight, one a column; at most a third as many as there are units."""
    units, terms = weights.shape
    dimensions = min(_MAX_DIMENSIONS, max(2, units // 3), units, terms)
    if dimensions == 0:
        return np.zeros((terms, 0))
    width = min(dimensions + _OVERSAMPLING, units, terms)
    sketch = weights @ np.random.default_rng(_SEED).standard_normal((terms, width))
    for _ in range(_POWER_ITERATIONS):
        sketch = weights @ (weights.T @ np.linalg.qr(sketch)[0])
    basis = np.linalg.qr(sketch)[0]
    axes: Matrix = np.linalg.svd((weights.T @ basis).T, full_matrices=False)[2]
    return axes[:dimensions].T


def _normalised(rows: Matrix) -> Matrix:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    normalised: Matrix = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1e-9)
    return normalised
