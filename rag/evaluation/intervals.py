"""Whether two systems differ, or were only asked lucky questions: paired bootstrap (Efron and Tibshirani, 1993; for
rankings, Sakai 2006)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

DRAWS = 10_000
"""Times that the questions are drawn anew."""
CONFIDENCE = 95.0
"""Percent of the draws that lie in an interval."""
SEED = 0
KEPT_WEIGHTS = 2_000_000
"""Weights, of 8 bytes each, that are kept for the next system with as many questions."""
COUNTED = 200_000
"""Drawn questions that are counted in one go."""
Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]
Weights = np.ndarray[tuple[int, int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better one system is than another over the same questions, in the metric's unit: `mean`, and between
    `low` and `high` 95 % of the means when the questions are drawn anew."""

    mean: float
    low: float
    high: float
    questions: int

    @property
    def real(self) -> bool:
        """Whether it is a difference at all: the interval leaves nothing out, and 0 does not lie in it."""
        return self.questions > 1 and not self.low <= 0.0 <= self.high


def difference(scores: ArrayLike, base: ArrayLike, draws: int = DRAWS) -> Difference:
    """Of two systems' scores for the same questions, in the same order. Raises ValueError if they are not as many.

    Questions that one of them has no score for (NaN) are left out of both.
    """
    mine, other = np.asarray(scores, np.float64), np.asarray(base, np.float64)
    if mine.shape != other.shape:
        raise ValueError(f"{mine.shape[0]} scores cannot be compared with {other.shape[0]}: they pair up by question.")
    gains = (mine - other)[np.isfinite(mine) & np.isfinite(other)]
    if not gains.size:
        return Difference(0.0, 0.0, 0.0, 0)
    means = _means(gains, draws)
    low, high = np.percentile(means, [(100 - CONFIDENCE) / 2, (100 + CONFIDENCE) / 2])
    return Difference(float(gains.mean()), float(low), float(high), int(gains.size))


def interval(scores: ArrayLike, draws: int = DRAWS) -> tuple[float, float, float]:
    """The mean of a system's scores, and between which values 95 % of the means lie when questions are drawn anew."""
    values = np.asarray(scores, np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 0.0, 0.0
    low, high = np.percentile(_means(values, draws), [(100 - CONFIDENCE) / 2, (100 + CONFIDENCE) / 2])
    return float(values.mean()), float(low), float(high)


def _means(values: Numbers, draws: int) -> Numbers:
    size = int(values.size)
    weights = [_kept(size, draws)] if size * draws <= KEPT_WEIGHTS else _drawn(size, draws)
    # Not `@`, whose threads wait for each other at every call: on a busy machine that takes twenty times as long.
    means: Numbers = np.concatenate([np.einsum("ij,j->i", some, values) for some in weights]) / size
    return means


@lru_cache(maxsize=4)
def _kept(size: int, draws: int) -> Weights:
    return np.concatenate(list(_drawn(size, draws)))


def _drawn(size: int, draws: int) -> Iterator[Weights]:
    """How often each draw, a row, has each question, which is all that counts of it: some rows at a time, as all of
    them may be too much to hold."""
    generator = np.random.default_rng(SEED)
    rows = max(1, COUNTED // size)
    for first in range(0, draws, rows):
        shape = min(rows, draws - first), size
        places = generator.integers(0, size, shape) + size * np.arange(shape[0])[:, None]
        counts = np.bincount(places.ravel(), minlength=places.size).reshape(shape)
        yield counts.astype(np.float64)  # whose products are many times as fast as those of whole numbers
