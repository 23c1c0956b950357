"""How long a study will take, roughly, from what studies before it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rag.evaluation.comparing import Contest

SEARCH_SECONDS, RERANK_SECONDS, QUOTE_SECONDS, MODEL_SECONDS = 0.01, 0.4, 0.1, 4.0
"""For estimates: of a question for each index, where no study has measured that, and of one for each configuration that
ranks anew or answers."""
PASSAGES_A_SECOND = 40.0
"""Of a machine that has not embedded anything yet."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a study comes to: `indexes` have to be made at most, which a study before may have done; `asks` are the
    questions that a language model would be asked."""

    configurations: int
    indexes: int
    asks: int
    seconds: float


def search_seconds(contests: Sequence[Contest], collection: str) -> float:
    """How long finding passages took for a question, by the newest runs in a collection that only did that; `contests`
    are given newest first."""
    for each in (one for one in contests if one.newest.collection == collection):
        runs = (one for one in each.runs if not (one.configuration.answerer or one.configuration.reranker))
        took = [one.seconds / one.metrics["questions"] for one in runs if one.metrics.get("questions")]
        if took:
            return median(took)
    return SEARCH_SECONDS
