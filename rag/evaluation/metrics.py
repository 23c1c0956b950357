"""How good retrieval and answers are: pure functions, each with where it is from.

`found` is what a system found, best first: anything hashable, chunks, pages or documents. `wanted` is what it should
have found. A rank is a place in `found`; what is found again takes its place and counts no more. All results are in
[0, 1], higher is better, unless a docstring says otherwise.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence, Set

import numpy as np
from numpy.typing import ArrayLike

Item = Hashable
Span = tuple[str, int, int]
"""Characters [start, end) of a source."""


# -- rankings: Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), chapter 8 -----------------


def hit_at_k(found: Sequence[Item], wanted: Set[Item], k: int) -> float:
    """Whether something wanted is among the first `k` (success@k)."""
    return float(any(one in wanted for one in _ranked(found)[:k]))


def recall_at_k(found: Sequence[Item], wanted: Set[Item], k: int) -> float:
    """Which share of what is wanted is among the first `k`."""
    return len(wanted & set(_ranked(found)[:k])) / len(wanted) if wanted else 0.0


def precision_at_k(found: Sequence[Item], wanted: Set[Item], k: int) -> float:
    """Which share of `k` places has something wanted; places that stay empty count as wrong."""
    return sum(one in wanted for one in _ranked(found)[:k]) / k


def reciprocal_rank(found: Sequence[Item], wanted: Set[Item]) -> float:
    """1 / the rank of the first that is wanted, 0 if there is none. Its mean over questions is MRR (Voorhees, 1999)."""
    return next((1.0 / rank for rank, one in enumerate(_ranked(found), start=1) if one in wanted), 0.0)


def ndcg_at_k(found: Sequence[Item], gains: Mapping[Item, float], k: int) -> float:
    """Normalised discounted cumulative gain: of the first `k` and their gains, against the best order there could be
    (Järvelin and Kekäläinen, 2002; the discount is log2(rank + 1), the gain as it is given)."""
    best = _dcg(sorted(gains.values(), reverse=True)[:k])
    return _dcg([gains.get(one, 0.0) for one in _ranked(found)[:k]]) / best if best else 0.0


def _dcg(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def _ranked(found: Sequence[Item]) -> list[Item | None]:
    """What is found, with nothing in the places of what was found before."""
    first = {one: rank for rank, one in reversed(list(enumerate(found)))}
    return [one if first[one] == rank else None for rank, one in enumerate(found)]


# -- characters: Smith and Troynikov, Evaluating Chunking Strategies for Retrieval (Chroma, 2024) ---------------------


def span_overlap(found: Sequence[Span], wanted: Sequence[Span]) -> tuple[float, float, float]:
    """Recall, precision and IoU over characters. What is found twice counts as found once, and as given twice: to
    repeat oneself is not free."""
    gold = _union(wanted)
    both = sum(_length(_cut(_union(found).get(source, []), spans)) for source, spans in gold.items())
    relevant, given = sum(map(_length, gold.values())), sum(end - start for _, start, end in found)
    if not relevant:
        return 0.0, 0.0, 0.0
    return both / relevant, both / given if given else 0.0, both / (given + relevant - both)


def _union(spans: Sequence[Span]) -> dict[str, list[tuple[int, int]]]:
    """The characters by source, as spans that do not touch each other."""
    united: dict[str, list[tuple[int, int]]] = {}
    for source, start, end in sorted(spans):
        there = united.setdefault(source, [])
        if there and start <= there[-1][1]:
            there[-1] = there[-1][0], max(end, there[-1][1])
        elif start < end:
            there.append((start, end))
    return united


def _cut(some: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    parts = [(max(a, c), min(b, d)) for a, b in some for c, d in others]
    return [(start, end) for start, end in parts if start < end]


def _length(spans: Sequence[tuple[int, int]]) -> int:
    return sum(end - start for start, end in spans)


# -- answers: Rajpurkar et al., SQuAD (2016), whose script's normalisation this is ------------------------------------

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(answer: str) -> str:
    """An answer without case, punctuation, articles and white space that says nothing."""
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_NO_PUNCTUATION)).split())


def exact_match(answer: str, expected: Sequence[str]) -> float:
    """Whether an answer is one of those expected, normalised."""
    return float(any(normalised(answer) == normalised(one) for one in expected))


def token_f1(answer: str, expected: Sequence[str]) -> float:
    """The harmonic mean of how much of the answer is expected and how much of what is expected it has, in words; of the
    expected answer that it is nearest to."""
    return max((_f1(normalised(answer).split(), normalised(one).split()) for one in expected), default=0.0)


def _f1(said: Sequence[str], expected: Sequence[str]) -> float:
    if not said or not expected:
        return float(said == expected)
    both = sum((Counter(said) & Counter(expected)).values())
    return 2 * both / (len(said) + len(expected))


def share(yes: Sequence[bool]) -> float | None:
    """Which share is true, of verbatim quotes say; None where there is nothing to count."""
    return sum(yes) / len(yes) if yes else None


# -- abstaining -------------------------------------------------------------------------------------------------------


def abstention(abstained: Sequence[bool], answerable: Sequence[bool]) -> tuple[float | None, float | None]:
    """Precision and recall of abstaining: which share of the abstentions was right, because no document has the answer,
    and which share of the questions without an answer was abstained from. None where there is nothing to count."""
    right = [not there for said_nothing, there in zip(abstained, answerable, strict=True) if said_nothing]
    caught = [said_nothing for said_nothing, there in zip(abstained, answerable, strict=True) if not there]
    return share(right), share(caught)


def auroc(confidence: ArrayLike, answerable: ArrayLike) -> float | None:
    """The probability that a question with an answer has a higher confidence than one without; equal ones count half
    (Mann and Whitney, 1947). None unless there are both kinds."""
    scores, there = np.asarray(confidence, np.float64), np.asarray(answerable, bool)
    n, m = int(there.sum()), int((~there).sum())
    if not n or not m:
        return None
    order = np.sort(scores)
    ranks = (np.searchsorted(order, scores, "left") + np.searchsorted(order, scores, "right") + 1) / 2
    return float((ranks[there].sum() - n * (n + 1) / 2) / (n * m))


# -- time -------------------------------------------------------------------------------------------------------------


def percentiles(seconds: ArrayLike, which: Sequence[float] = (50, 95, 99)) -> dict[str, float]:
    """`p50` and the like of latencies, in their unit, interpolated between neighbours; lower is better."""
    times = np.asarray(seconds, np.float64)
    return {f"p{one:g}": float(np.percentile(times, one)) for one in which} if times.size else {}
