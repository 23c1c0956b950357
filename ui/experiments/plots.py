"""Runs as pictures: which values go with which quality, and what quality costs in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import streamlit as st

from rag.records import Run
from rag.workspace import LATENCY, Workspace, lower_is_better, pareto
from ui.experiments.address import RUNS, look_at, now
from ui.experiments.board import draw_one
from ui.experiments.parallel import parallel_spec
from ui.experiments.scope import choose_contest, choose_metric, choose_runs, finished, ranked, told_apart
from ui.experiments.words import PARAMETERS, described, figure, value
from ui.text import counted, escape_markdown, shortened

MOST_LINES = 200
"""Runs drawn as lines: more are a cloud."""
FRONT, BEHIND, CHOSEN = "nothing is better in both", "another is better in both", "chosen"
HOLLOW = (
    "Hollow: its passages were made for the study and are searched in memory, some milliseconds faster than a "
    "collection is, so that these are compared among themselves."
)
MOST_LABELS = 6
"""Values that are written on an axis."""
CROWD = 150
"""Runs that are drawn as smaller points."""
_HEIGHT, _LEGEND, _AXIS = 400, 90, 48
"""Pixels: of the first picture; of the second, for its legend and for each axis."""


def draw_plots(workspace: Workspace) -> None:
    """Draw the view."""
    contest = choose_contest(workspace)
    if contest is None:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = choose_runs(contest)
        metric = choose_metric(chosen)
    done = finished(chosen)
    runs = [one for one in ranked(done, metric) if metric in one.metrics]
    if len(runs) < 2:
        st.markdown("A picture needs two runs that have finished. Start a study with more values, or wait for it.")
        return
    if without := len(done) - len(runs):
        st.caption(
            f":material/info: {counted(without, 'run')} of {len(done):,} {'has' if without == 1 else 'have'} no "
            f"{escape_markdown(metric)}, so {'it is' if without == 1 else 'they are'} not in these pictures."
        )
    names = told_apart(workspace, contest, runs)
    picked = next((one for one in runs if one.id in (now(RUNS) or [])), None)
    st.subheader("Quality and time", anchor=False)
    _scatter(runs, metric, names, picked)
    st.subheader("Parameters", anchor=False)
    _parallel(runs[:MOST_LINES], metric, names, picked)
    if len(runs) > MOST_LINES:
        st.caption(f"The best {MOST_LINES} of {counted(len(runs), 'run')}.")
    if picked is not None:
        with st.container(border=True, gap="xsmall", key="plots-picked"):
            st.markdown(f"**{escape_markdown(described(picked.configuration, names))}**")
            figures = f"{metric} {figure(metric, picked.metrics[metric])}"
            st.caption(escape_markdown(f"{figures} · {figure(LATENCY, picked.metrics.get(LATENCY))}"))
            with st.container(horizontal=True):
                draw_one(workspace, contest, picked)
    else:
        st.caption("Click a point or a line to choose its run.")


def _scatter(runs: Sequence[Run], metric: str, names: Sequence[str], picked: Run | None) -> None:
    if lower_is_better(metric):
        st.caption("Time is held against quality: choose a metric of quality to see this picture.")
        return
    timed = [one for one in runs if LATENCY in one.metrics]
    if not timed:
        st.caption("None of these runs has measured its time.")
        return
    best = pareto(timed, metric)

    def kind(run: Run) -> str:
        if picked is not None and run.id == picked.id:
            return CHOSEN
        return FRONT if run.id in best else BEHIND

    rows = [
        {
            "run": one.id,
            "ms": one.metrics[LATENCY],
            "quality": one.metrics[metric],
            "kind": kind(one),
            "memory": one.in_memory,
            "Run": shortened(described(one.configuration, names), 200),
        }
        for one in timed
    ]
    rows.sort(key=lambda row: (BEHIND, FRONT, CHOSEN).index(str(row["kind"])))  # what is drawn last lies on top
    _chart(rows, _scatter_spec(metric, 110 if len(timed) <= CROWD else 45), "scatter", runs, _HEIGHT)
    hollow = f" {HOLLOW}" if any(one.in_memory for one in timed) else ""
    st.caption(
        f"Each point is a run; {len(best):,} of {len(timed):,} are such that no other is both better and faster. "
        f"Choose among these.{hollow}"
    )


def _chart(
    rows: Sequence[Mapping[str, Any]], spec: Mapping[str, Any], called: str, runs: Sequence[Run], height: int
) -> None:
    there = {one.id for one in runs}
    widget = f"experiments-{called}"

    def clicked() -> None:
        picks = st.session_state[widget].selection.get("pick") or []
        run = picks[0].get("run") if picks else None
        if run in there:
            look_at(RUNS, [run])

    data = {name: [one[name] for one in rows] for name in rows[0]}
    st.vega_lite_chart(
        data, dict(spec), key=widget, on_select=clicked, selection_mode="pick", height=height, width="stretch"
    )


def _scatter_spec(metric: str, size: int) -> dict[str, Any]:
    # Told apart by their shape as well: not everybody sees colours.
    kinds = [FRONT, BEHIND, CHOSEN]
    scale = {"domain": kinds, "range": ["#3fa36b", "#9a9a9a", "#d9730d"]}
    legend = {"orient": "top", "title": None, "columns": 1, "labelLimit": 320}
    return {
        "mark": {"type": "point", "filled": True, "size": size, "cursor": "pointer", "opacity": 0.7},
        "params": [{"name": "pick", "select": {"type": "point", "fields": ["run"], "toggle": False}}],
        "encoding": {
            "fillOpacity": {"condition": {"test": "datum.memory", "value": 0}, "value": 1},
            "stroke": {"field": "kind", "type": "nominal", "scale": scale, "legend": None},
            "x": {
                "field": "ms",
                "type": "quantitative",
                "title": "Time of a question (p50), ms",
                "scale": {"zero": False},
            },
            "y": {
                "field": "quality",
                "type": "quantitative",
                "title": metric,
                "scale": {"zero": False},
                "axis": {"format": ".3f"},
            },
            "color": {
                "field": "kind",
                "type": "nominal",
                "scale": scale,
                "legend": legend,
            },
            "shape": {
                "field": "kind",
                "type": "nominal",
                "scale": {"domain": kinds, "range": ["triangle-up", "circle", "diamond"]},
                "legend": legend,
            },
            "tooltip": [
                {"field": "Run", "type": "nominal"},
                {"field": "quality", "type": "quantitative", "title": metric, "format": ".3f"},
                {"field": "ms", "type": "quantitative", "title": "ms", "format": ".1f"},
            ],
        },
    }


def _parallel(runs: Sequence[Run], metric: str, names: Sequence[str], picked: Run | None) -> None:
    if not names:
        st.caption("These runs are all configured alike.")
        return
    heights = {name: _heights([asdict(one.configuration)[name] for one in runs]) for name in names}
    scale = [one.metrics[metric] for one in runs]
    low, high = min(scale), max(scale)
    axes = {name: PARAMETERS[name].name for name in names}
    labels = {(axes[name], heights[name][one]): said for name in names for one, said in _labels(name, heights[name])}
    labels |= {(metric, 0.0): figure(metric, low), (metric, 1.0): figure(metric, high)}
    rows = []
    for run in reversed(runs):  # what is drawn last lies on top
        of_run = asdict(run.configuration)
        common = {
            "run": run.id,
            "Run": shortened(described(run.configuration, names), 200),
            "quality": run.metrics[metric],
            "wide": 4 if picked is not None and picked.id == run.id else 1.5,
        }
        places = {axes[name]: heights[name][of_run[name]] for name in names}
        places[metric] = (run.metrics[metric] - low) / (high - low) if high > low else 0.5
        rows += [
            common | {"axis": axis, "place": place, "order": at, "label": labels.pop((axis, place), "")}
            for at, (axis, place) in enumerate(places.items())
        ]
    spec = parallel_spec(metric, [*axes.values(), metric])
    _chart(rows, spec, "parallel", runs, _LEGEND + _AXIS * (len(axes) + 1))
    st.caption(
        "Each line is a run, down through its values to its quality: the lowest value stands at the left, the highest "
        "at the right."
    )


def _heights(given: Sequence[Any]) -> dict[Any, float]:
    """Where on its axis each value stands, evenly apart, between 0 and 1."""
    values = sorted(set(given), key=lambda one: (isinstance(one, str), one))
    return {one: place / max(1, len(values) - 1) for place, one in enumerate(values)}


def _labels(name: str, heights: Mapping[Any, float]) -> list[tuple[Any, str]]:
    """The values on an axis that are written there: all, or the lowest and the highest where they are many."""
    values = list(heights)
    shown = values if len(values) <= MOST_LABELS else [values[0], values[-1]]
    return [(one, shortened(value(name, one), 14)) for one in shown]
