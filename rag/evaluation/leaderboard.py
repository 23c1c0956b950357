"""The leaderboard: runs in the order of a metric, each held against one of them, question by question."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from rag.evaluation.intervals import DRAWS, Difference, difference, interval
from rag.evaluation.scoring import LOWER_IS_BETTER
from rag.records import Configuration, Run

Measured = Mapping[int, Mapping[str, float]]
"""The metrics of each question of a run, by its place."""
PREFERRED = ("F1", "nDCG@5", "nDCG@10", "nDCG@3", "nDCG@1", "MRR")
"""What runs are ordered by where nobody says, the first of them that there is."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A run's mean of a metric, the 95 % interval of that, and its difference to the baseline, which has none."""

    run: Run
    mean: float
    low: float
    high: float
    difference: Difference | None

    @property
    def verdict(self) -> str:
        """Whether it is better than the baseline, in words."""
        if self.difference is None:
            return "baseline"
        if not self.difference.real:
            return "no real difference"
        return "better" if self.difference.mean > 0 else "worse"


def standings(
    runs: Sequence[Run], measured: Mapping[str, Measured], metric: str, baseline: str, draws: int = DRAWS
) -> list[Standing]:
    """Runs that have a metric of questions, the best first; `measured` and the `baseline` by their ids."""
    places = sorted({place for some in measured.values() for place in some})
    scores = {run: [some.get(place, {}).get(metric, math.nan) for place in places] for run, some in measured.items()}
    found = []
    for run in runs:
        if metric not in run.metrics or run.id not in scores:
            continue
        mean, low, high = interval(scores[run.id], draws)
        held = baseline in scores and run.id != baseline
        found.append(
            Standing(run, mean, low, high, difference(scores[run.id], scores[baseline], draws) if held else None)
        )
    return sorted(found, key=lambda one: -one.mean)


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
