"""The questions of runs that are compared, each with its figure in every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rag.records import Gold, Run
from rag.workspace import Contest, Measured, Workspace, why


class Row(NamedTuple):
    """A question in the table: its place in the set, what it is, its figure in each run (None: it has none)."""

    place: int
    gold: Gold
    figures: tuple[float | None, ...]
    failed: bool

    @property
    def spread(self) -> float:
        """How far the figures are apart."""
        there = [one for one in self.figures if one is not None]
        return max(there) - min(there) if there else 0.0

    @property
    def mean(self) -> float:
        """Of the figures; 1 if there is none, so that what measures nothing comes last."""
        there = [one for one in self.figures if one is not None]
        return sum(there) / len(there) if there else 1.0


def rows_of(workspace: Workspace, contest: Contest, runs: Sequence[Run], metric: str) -> list[Row]:
    """Those that have the figure in any of the runs, or failed in one, in the order of their set."""
    questions = workspace.questions_asked(contest.newest)
    measured = [_measured(workspace, one, metric) for one in runs]
    failed = {
        one.place for run in runs if run.metrics.get("errors") for one in workspace.scores_of(run.id) if one.error
    }
    found = []
    for place, gold in enumerate(questions):
        figures = tuple(some.get(place, {}).get(metric) for some in measured)
        if place in failed or any(one is not None for one in figures):
            found.append(Row(place, gold, figures, place in failed))
    return found


def _measured(workspace: Workspace, run: Run, metric: str) -> Measured:
    """A figure of each question of a run; of percentiles of times the time that it took."""
    if not metric.startswith("latency"):
        return workspace.measured_of(run.id)
    return {one.place: {metric: one.milliseconds} for one in workspace.scores_of(run.id) if not one.error}


def reasons_of(
    workspace: Workspace, contest: Contest, runs: Mapping[str, Run], rows: Sequence[Row]
) -> dict[str, dict[int, str]]:
    """What became of these questions in runs, in words, by the runs' names and the questions' places."""
    wanted = workspace.wanted_of(contest.newest, [one.place for one in rows])
    found = {}
    for name, run in runs.items():
        scored = {one.place: one for one in workspace.scores_of(run.id)}
        answers = bool(run.configuration.answerer)
        there = [one for one in rows if one.place in scored]
        found[name] = {one.place: why(scored[one.place], one.gold, wanted[one.place], answers) for one in there}
    return found
