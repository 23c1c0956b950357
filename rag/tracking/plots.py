"""A study as pictures that stand by themselves: SVG, whose letters are drawn, so that nothing is fetched from anywhere.

Drawn in the process that tells MLflow, with matplotlib, which MLflow brings along.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rag.evaluation.comparing import LATENCY, pareto
from rag.evaluation.leaderboard import standings, usual_metric, varied
from rag.records import Run, RunState

TIME, PARAMETERS, BOARD = "plots/quality and time.svg", "plots/parameters.svg", "plots/leaderboard.svg"
MOST_BARS = 40
MOST_LINES = 200
LONGEST_LABEL = 60
NAMED = 8
"""Runs in front that are named beside their points: more would lie on each other."""
IN_MEMORY = ", among those searched in memory"
_FRONT, _BEHIND, _LINE = "#2f8f5b", "#8a8a8a", "#4e79a7"
_PAPER = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5}
"""Behind letters that lie on lines."""

Measured = Callable[[Sequence[str], str], Mapping[str, Mapping[int, float]]]
"""One metric of each question of some runs, by run and place."""


def plots_of(runs: Sequence[Run], measured: Measured) -> dict[str, str]:
    """The pictures of a study by the names of their files, as far as what its runs have measured is enough for one."""
    done = [one for one in runs if one.state is RunState.FINISHED]
    metric = usual_metric(done)
    done = [one for one in done if metric in one.metrics]
    if not done:
        return {}
    names = varied([one.configuration for one in done])
    found = {BOARD: _leaderboard(done, measured, metric)}
    if timed := [one for one in done if LATENCY in one.metrics]:
        found[TIME] = _quality_and_time(timed, metric)
    if len(done) > 1 and names:
        found[PARAMETERS] = _parallel(done, metric, names)
    return found


def _quality_and_time(runs: Sequence[Run], metric: str) -> str:
    points = {one.id: (one.metrics[LATENCY], one.metrics[metric]) for one in runs}
    best = pareto(runs, metric)
    figure, axes = _figure(8.0, 5.0)
    for memory in (False, True):
        of_kind = [one.id for one in runs if one.in_memory is memory]
        for ahead, colour, mark in ((False, _BEHIND, "o"), (True, _FRONT, "^")):
            some = [points[one] for one in of_kind if (one in best) is ahead]
            told = "nothing is better and faster" if ahead else "another is better and faster"
            label = f"{told}{IN_MEMORY if memory else ''} ({len(some)})"
            faces = "none" if memory else colour
            if some:
                places = zip(*some, strict=True)
                axes.scatter(*places, facecolors=faces, edgecolors=colour, marker=mark, s=55, label=label, zorder=3)
        along = sorted(points[one] for one in of_kind if one in best)
        if along:
            axes.plot(*zip(*along, strict=True), color=_FRONT, linewidth=1, alpha=0.6, zorder=2)
    middle = sum(axes.get_xlim()) / 2
    for number, run in enumerate(one for one in runs if one.id in best and len(best) <= NAMED):
        left = points[run.id][0] > middle  # or it would end beyond the edge
        place = (-6 if left else 6, 8 if number % 2 else -14)
        side = "right" if left else "left"
        axes.annotate(
            _called(run, runs[0]), points[run.id], place, textcoords="offset points", fontsize=7, ha=side, bbox=_PAPER
        )
    axes.set_xlabel("Time of a question (p50), ms")
    axes.set_ylabel(_plain(metric))
    axes.margins(0.12)
    axes.grid(alpha=0.3)
    axes.legend(loc="best", fontsize=8)
    return _svg(figure, "Quality and time")


def _leaderboard(runs: Sequence[Run], measured: Measured, metric: str) -> str:
    """The best first, with the 95 % interval of each mean, if there are questions enough for one."""
    scores = {
        run: {place: {metric: value} for place, value in some.items()}
        for run, some in measured([one.id for one in runs], metric).items()
    }
    ranked = standings(runs, scores, metric, runs[0].id)
    shown = ranked[:MOST_BARS]
    figure, axes = _figure(9.0, 1.6 + 0.34 * len(shown))
    places = range(len(shown))
    means = [one.mean for one in shown]
    ends = [(one.mean if one.low is None else one.low, one.mean if one.high is None else one.high) for one in shown]
    reach = [[mean - low for mean, (low, _) in zip(means, ends, strict=True)],
             [high - mean for mean, (_, high) in zip(means, ends, strict=True)]]  # fmt: skip
    colours = [_FRONT if one.run.id == runs[0].id else _LINE for one in shown]
    axes.barh(places, means, color=colours, height=0.7, xerr=reach, ecolor="#333333", capsize=2)
    axes.set_yticks(places, [_called(one.run, runs[0]) for one in shown], fontsize=7)
    axes.invert_yaxis()
    sure = "with its 95 % interval" if any(one.low is not None for one in shown) else "of too few questions to compare"
    axes.set_xlabel(f"{_plain(metric)}, {sure}; green: the first run, from which the others differ as named")
    axes.grid(axis="x", alpha=0.3)
    more = f"; the best {MOST_BARS} of {len(ranked)}" if len(ranked) > MOST_BARS else ""
    return _svg(figure, f"Leaderboard{more}")


def _parallel(runs: Sequence[Run], metric: str, names: Sequence[str]) -> str:
    """Each run a line through its values to its quality; of values each axis has those that there are, evenly apart."""
    from matplotlib import colormaps

    shown = sorted(runs, key=lambda one: one.metrics[metric])[-MOST_LINES:]
    rows = [asdict(one.configuration) for one in shown]
    values = {name: sorted({row[name] for row in rows}, key=lambda one: (isinstance(one, str), one)) for name in names}
    quality = [one.metrics[metric] for one in shown]
    low, high = min(quality), max(quality)
    figure, axes = _figure(max(6.0, 1.6 * (len(names) + 1)), 5.0)
    for row, one in zip(rows, quality, strict=True):
        share = (one - low) / (high - low) if high > low else 0.5
        heights = [values[name].index(row[name]) / max(1, len(values[name]) - 1) for name in names]
        axes.plot(range(len(names) + 1), [*heights, share], color=colormaps["viridis"](share), alpha=0.75)
    for place, name in enumerate(names):
        for number, value in enumerate(values[name]):
            height = number / max(1, len(values[name]) - 1)
            axes.annotate(
                _plain(_said(value), 24), (place, height), (3, 3), textcoords="offset points", fontsize=7, bbox=_PAPER
            )
    for height, value in ((0.0, low), (1.0, high)):
        axes.annotate(f"{value:.3f}", (len(names), height), (3, 3), textcoords="offset points", fontsize=7, bbox=_PAPER)
    axes.set_xticks(range(len(names) + 1), [*(one.replace("_", " ") for one in names), _plain(metric)], fontsize=8)
    axes.set_yticks([])
    axes.grid(axis="x", alpha=0.6)
    axes.margins(x=0.08)
    return _svg(figure, "Parameters and quality")


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")  # without pyplot, which keeps what it draws
    return figure, figure.add_subplot()


def _svg(figure: Any, title: str) -> str:
    import matplotlib

    figure.axes[0].set_title(title, fontsize=10, loc="left")
    kept = io.StringIO()
    # Letters as shapes, ids that are the same each time, and no date: equal studies have equal pictures.
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "footnote"}):
        figure.savefig(kept, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return kept.getvalue()


def _called(run: Run, first: Run) -> str:
    """What is set otherwise in it than in the first run."""
    row, held = asdict(run.configuration), asdict(first.configuration)
    changed = [name for name in row if row[name] != held[name]]
    said = ", ".join(f"{name.replace('_', ' ')} {_said(row[name])}" for name in changed) or "as the first run"
    return "\n".join(textwrap.wrap(_plain(said), LONGEST_LABEL))


def _said(value: Any) -> str:
    return (f"{value:g}" if isinstance(value, float) else str(value)) or "none"


def _plain(text: str, longest: int = 3 * LONGEST_LABEL) -> str:
    """As it is, on a line: dollars begin formulas, and what the font has no picture of is a question mark."""
    shown = "".join(one if one.isprintable() and ord(one) < 0x2500 else "?" for one in text[:longest])
    return shown.replace("$", r"\$")
