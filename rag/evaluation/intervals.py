"""Whether two systems differ, or were only asked lucky questions: paired bootstrap (Efron and Tibshirani, 1993; for
rankings, Sakai 2006).

Intervals of percentiles are too narrow where questions are few. They are expanded as Hesterberg has it ("What Teachers
Should Know About the Bootstrap", 2015): by as much as Student's interval is wider than that of the normal distribution.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import fsum, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

DRAWS = 10_000
"""Times that the questions are drawn anew."""
CONFIDENCE = 0.95
"""Share of such intervals that have the true mean in them."""
FEWEST = 6
"""Questions that must differ before anything is said. If there is no difference, five all go the same way by chance in
one case of 16 (the sign test), which is more often than intervals may be wrong."""
EQUAL = 1e-9
"""Figures that are so near to each other are equal, and differ by rounding."""
SEED = 0
KEPT_WEIGHTS = 2_000_000
"""Weights, of 8 bytes each, that are kept for the next system with as many questions."""
COUNTED = 200_000
"""Drawn questions that are counted in one go."""
Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]
Weights = np.ndarray[tuple[int, int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better one system is than another over the same questions, in the metric's unit: `mean`, and its 95 %
    interval from `low` to `high`. For `differing` of the `questions` the two have other figures."""

    mean: float
    low: float
    high: float
    questions: int
    differing: int = 0

    @property
    def enough(self) -> bool:
        """Whether there are questions enough to say anything."""
        return self.questions >= FEWEST

    @property
    def real(self) -> bool:
        """Whether it is a difference at all: enough questions differ, and 0 does not lie in the interval."""
        return self.differing >= FEWEST and (self.low > EQUAL or self.high < -EQUAL)


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
    gains[np.abs(gains) < EQUAL] = 0.0
    low, high = _ends(gains, draws)
    return Difference(float(gains.mean()), low, high, int(gains.size), int(np.count_nonzero(gains)))


def interval(scores: ArrayLike, draws: int = DRAWS) -> tuple[float, float, float]:
    """The mean of a system's scores, and the ends of its 95 % interval."""
    values = np.asarray(scores, np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 0.0, 0.0
    return float(values.mean()), *_ends(values, draws)


def tail(questions: int) -> float:
    """Which share of the draws lies beyond each end of an interval, expanded for so many questions."""
    if questions < 2:
        return 0.0
    normal = NormalDist()
    wide = sqrt(questions / (questions - 1)) * _student(normal.inv_cdf((1 + CONFIDENCE) / 2), questions - 1)
    return normal.cdf(-wide)


def _student(z: float, freedom: int) -> float:
    """Student's quantile from the normal one (Abramowitz and Stegun, 1964, 26.7.5): from five degrees of freedom on it
    is right to the third digit, and SciPy, which takes a second to load, is not needed."""
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + fsum(term / freedom**power for power, term in enumerate(terms, start=1))


def _ends(values: Numbers, draws: int) -> tuple[float, float]:
    beyond = tail(int(values.size))
    low, high = np.quantile(_means(values, draws), [beyond, 1 - beyond])
    return float(low), float(high)


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
