"""Fusion of rankings by reciprocal ranks: pure arithmetic.

Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods"
(SIGIR 2009), with a weight for each list and a smaller constant: the first places count for more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.records import Configuration

CONSTANT = 10
ROUTED = "routed "


@dataclass(frozen=True, slots=True)
class Tuning:
    """How much each list counts; one that counts 0 is not made. Late interaction sees the candidates of the other two,
    so that it ranks and they nominate. `routed` is what a list of the documents that the question names counts, beside
    the same list of all documents."""

    lexical: float = 1.0
    dense: float = 0.5
    late: float = 2.0
    routed: float = 0.7

    def weight(self, name: str) -> float:
        """What a list counts."""
        weights = {"lexical": self.lexical, "dense": self.dense, "late": self.late}
        return weights[name.removeprefix(ROUTED)] * (self.routed if name.startswith(ROUTED) else 1.0)


USUAL = Tuning()


def tuning_of(configuration: Configuration) -> Tuning:
    """What a configuration says of the lists."""
    return Tuning(configuration.lexical, configuration.dense, configuration.late, configuration.routed)


def weight(name: str) -> float:
    """What a list usually counts."""
    return USUAL.weight(name)


def reciprocal_rank_fusion(rankings: Mapping[str, Sequence[str]], tuning: Tuning = USUAL) -> list[tuple[str, float]]:
    """Ids with their scores in (0, 1], best first: 1 for what is the first of each list. Equal scores go by id."""
    scores: dict[str, float] = {}
    for name, ranking in rankings.items():
        for rank, one in enumerate(ranking, start=1):
            scores[one] = scores.get(one, 0.0) + tuning.weight(name) / (CONSTANT + rank)
    most = sum(tuning.weight(name) for name in rankings) / (CONSTANT + 1)
    return sorted(((one, score / most) for one, score in scores.items()), key=lambda found: (-found[1], found[0]))
