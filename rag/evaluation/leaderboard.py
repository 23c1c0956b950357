"""The leaderboard: runs in the order of a metric, each held against one of them, question by question."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from rag.evaluation.intervals import DRAWS, FEWEST, Difference, difference, interval
from rag.evaluation.scoring import LOWER_IS_BETTER
from rag.records import Configuration, Run

Measured = Mapping[int, Mapping[str, float]]
"""The metrics of each question of a run, by its place."""
BASELINE, BETTER, WORSE, SAME = "baseline", "better", "worse", "no real difference"
TOO_FEW = "too few questions"
"""Verdicts. Of all metrics that single questions have, more is better."""
PREFERRED = ("F1", "nDCG@5", "nDCG@10", "nDCG@3", "nDCG@1", "MRR")
"""What runs are ordered by where nobody says, the first of them that there is."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A run's figure in a metric. Where that is a mean over `questions`, enough of them, it has a 95 % interval; and a
    `difference` to the baseline, if it is another run. What is no mean, a percentile of times say, has 0 questions and
    neither of them."""

    run: Run
    mean: float
    low: float | None
    high: float | None
    difference: Difference | None
    questions: int = 0
    is_baseline: bool = False

    @property
    def verdict(self) -> str:
        """Whether it is better than the baseline, in words; empty if that can never be said of the metric."""
        if self.is_baseline:
            return BASELINE
        if self.difference is None or not self.difference.questions:
            return ""
        if not self.difference.enough:
            return TOO_FEW
        if not self.difference.real:
            return SAME
        return BETTER if self.difference.mean > 0 else WORSE


def standings(
    runs: Sequence[Run], measured: Mapping[str, Measured], metric: str, baseline: str, draws: int = DRAWS
) -> list[Standing]:
    """Runs that have a metric, the best first; `measured` and the `baseline` by their ids."""
    places = sorted({place for some in measured.values() for place in some})
    scores = {run: [some.get(place, {}).get(metric, math.nan) for place in places] for run, some in measured.items()}
    found = []
    for run in runs:
        if metric not in run.metrics or run.id not in scores:
            continue
        found.append(_standing(run, metric, scores, baseline, draws))
    return sorted(found, key=lambda one: one.mean if lower_is_better(metric) else -one.mean)


def _standing(run: Run, metric: str, scores: Mapping[str, Sequence[float]], baseline: str, draws: int) -> Standing:
    mine, held = scores[run.id], run.id == baseline
    questions = sum(map(math.isfinite, mine))
    if not questions:
        return Standing(run, run.metrics[metric], None, None, None, is_baseline=held)
    mean, low, high = interval(mine, draws)
    gain = difference(mine, scores[baseline], draws) if baseline in scores and not held else None
    enough = questions >= FEWEST
    return Standing(run, mean, low if enough else None, high if enough else None, gain, questions, held)


def usual_metric(runs: Sequence[Run]) -> str:
    """What to order runs by; empty if none of them has any metric of questions."""
    there = {name for run in runs for name in run.metrics}
    return next((name for name in PREFERRED if name in there), "")


def lower_is_better(metric: str) -> bool:
    return metric.startswith(LOWER_IS_BETTER)


def varied(configurations: Sequence[Configuration]) -> list[str]:
    """The parameters in which configurations differ."""
    names = [one.name for one in fields(Configuration)]
    return [name for name in names if len({getattr(one, name) for one in configurations}) > 1]
