"""Fusion of rankings by reciprocal ranks: pure arithmetic.

Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods"
(SIGIR 2009), with a weight for each list and a smaller constant: the first places count for more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

CONSTANT = 10
WEIGHTS = {"lexical": 1.0, "late": 2.0, "dense": 0.5}
"""Late interaction sees the candidates of the other two, so that it ranks and they nominate."""
ROUTED = "routed "
ROUTED_WEIGHT = 0.7
"""Of a list of the documents that the question names, beside the same list of all documents."""


def weight(name: str) -> float:
    """What a list counts."""
    return WEIGHTS[name.removeprefix(ROUTED)] * (ROUTED_WEIGHT if name.startswith(ROUTED) else 1.0)


def reciprocal_rank_fusion(rankings: Mapping[str, Sequence[str]]) -> list[tuple[str, float]]:
    """Ids with their scores in (0, 1], best first: 1 for what is the first of each list. Equal scores go by id."""
    scores: dict[str, float] = {}
    for name, ranking in rankings.items():
        for rank, one in enumerate(ranking, start=1):
            scores[one] = scores.get(one, 0.0) + weight(name) / (CONSTANT + rank)
    most = sum(weight(name) for name in rankings) / (CONSTANT + 1)
    return sorted(((one, score / most) for one, score in scores.items()), key=lambda found: (-found[1], found[0]))
