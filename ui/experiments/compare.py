"""Runs side by side: their figures, each question, and what was found for one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import streamlit as st

from rag.records import Run
from rag.workspace import Contest, Workspace, usual_metric
from ui.experiments.address import METRIC, MOST_RUNS, QUESTION, RUNS, key, look_at, now
from ui.experiments.diff import draw_question
from ui.experiments.rows import Row, reasons_of, rows_of
from ui.experiments.scope import baseline, choose_contest, choose_metric, finished, metrics_of, ranked, told_apart
from ui.experiments.table import verdict
from ui.experiments.words import beside, better, described, differing, figure, metric_help
from ui.text import counted, escape_markdown

LETTERS = "ABCDEF"
A_PAGE = 25
EXPLAINED = 2
"""Runs of which the table says why; of more there is no room, and a click on the question says it of each."""
NO_FIGURE = "no figure"
ALL, DIFFERENT, WORST = "All", "Only differences", "Worst first"
ORDERS = {
    ALL: ", in the order of their set",
    DIFFERENT: ", those first whose figures are the farthest apart",
    WORST: ", those first that all runs together do worst",
}


def draw_compare(workspace: Workspace) -> None:
    """Draw the view."""
    contest = choose_contest(workspace)
    if contest is None:
        return
    runs = _choose(workspace, contest)
    metric = choose_metric(runs or finished(contest.runs))
    if not runs:
        st.markdown("Choose a run to see its questions, or two and more to hold them against each other.")
        _offer_best(workspace, contest, metric)
        return
    if not metric:
        st.markdown("Nothing has been measured yet.")
        return
    names = differing(runs) or told_apart(workspace, contest, finished(contest.runs))
    _describe(workspace, runs, metric, names)
    _figures(runs, metric)
    st.subheader("Questions", anchor=False)
    rows = rows_of(workspace, contest, runs, metric)
    if rows:
        _questions(workspace, contest, runs, metric, rows)
    else:
        st.markdown("No question of these runs has this figure. Choose another metric.")
    if now(QUESTION) is not None:
        draw_question(workspace, contest, runs, now(QUESTION))


def _offer_best(workspace: Workspace, contest: Contest, metric: str) -> None:
    """What most people come for: the best run beside the one that it is to replace."""
    best = next(iter(ranked(finished(contest.runs), metric)), None)
    held = baseline(workspace, contest, metric)
    if metric and best is not None and held is not None and held.id != best.id:
        st.button(
            f"Compare the best by {escape_markdown(metric)} with the baseline",
            icon=":material/compare_arrows:",
            on_click=look_at,
            args=(RUNS, [held.id, best.id]),
        )


def _choose(workspace: Workspace, contest: Contest) -> list[Run]:
    """The runs that are compared, of those that have finished. Each is called by what tells it from the baseline: the
    room is for a few words."""
    there = {one.id: one for one in finished(contest.runs)}
    measure = now(METRIC) if now(METRIC) in metrics_of(contest.runs) else usual_metric(finished(contest.runs))
    held = baseline(workspace, contest, measure)
    names = told_apart(workspace, contest, list(there.values()))

    look_at(RUNS, [one for one in now(RUNS) or [] if one in there])
    st.multiselect(
        "Runs",
        list(there),
        key=key(RUNS),
        format_func=lambda one: beside(there[one], held, names) if one in there else one,
        max_selections=MOST_RUNS,
        wrap=True,
        placeholder="Choose runs",
        persist_state="session",
    )
    return [there[one] for one in now(RUNS)]


# -- figures ----------------------------------------------------------------------------------------------------------


def _describe(workspace: Workspace, runs: Sequence[Run], metric: str, names: Sequence[str]) -> None:
    """Each run, and how it stands beside the first."""
    standings = workspace.standings_of(runs, metric, runs[0].id)
    lines = []
    for letter, one in zip(LETTERS, runs, strict=False):
        line = f"**{letter}** · {escape_markdown(described(one.configuration, names))}"
        if words := verdict(standings.get(one.id)):
            line += f"  \n:small[beside A, by {escape_markdown(metric)}: **{escape_markdown(words)}**]"
        lines.append(line)
    st.markdown("\n\n".join(lines))


def _figures(runs: Sequence[Run], metric: str) -> None:
    """A row for each metric, the best value of it said in words as well."""
    rows = [_figure_row(one, runs) for one in metrics_of(runs)]
    first = [one for one in rows if one["Figure"] == metric]
    with st.expander("All figures", expanded=len(runs) > 1, icon=":material/table_rows:", key="compare-figures"):
        st.dataframe(
            first + [one for one in rows if one["Figure"] != metric],
            hide_index=True,
            height=260,
            column_config={
                "Figure": st.column_config.TextColumn(width=130, pinned=True),
                "What it is": st.column_config.TextColumn(width=320),
            },
            alt="The figures of each run",
        )


def _figure_row(metric: str, runs: Sequence[Run]) -> dict[str, Any]:
    row: dict[str, Any] = {"Figure": metric}
    for letter, one in zip(LETTERS, runs, strict=False):
        row[letter] = figure(metric, one.metrics.get(metric))
    if len(runs) > 1:
        row["Best"] = _best(metric, runs)
    return row | {"What it is": metric_help(metric)}


def _best(metric: str, runs: Sequence[Run]) -> str:
    there = {letter: one.metrics[metric] for letter, one in zip(LETTERS, runs, strict=False) if metric in one.metrics}
    best = [letter for letter, one in there.items() if not any(better(metric, two, one) for two in there.values())]
    return ", ".join(best) if len(best) < len(there) else "equal"


# -- questions --------------------------------------------------------------------------------------------------------


def _questions(workspace: Workspace, contest: Contest, runs: Sequence[Run], metric: str, rows: Sequence[Row]) -> None:
    if len(runs) > 1:
        st.markdown(_tally(rows, metric))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = st.segmented_control(
            "Which", [WORST, DIFFERENT, ALL] if len(runs) > 1 else [WORST, ALL], default=WORST, required=True,
            key=f"compare-which-{len(runs) > 1}",
        )  # fmt: skip
        tags = Counter(tag for one in rows for tag in one.gold.tags)
        tag = None
        if tags:
            tag = st.selectbox("Tag", list(tags), index=None, placeholder="All", key=f"compare-tag-{contest.key}")
    shown = [one for one in rows if tag is None or tag in one.gold.tags]
    if which == DIFFERENT:
        shown = sorted((one for one in shown if one.spread > 0), key=lambda one: -one.spread)
    elif which == WORST:
        shown = sorted(shown, key=lambda one: one.mean, reverse=metric.startswith("latency"))
    if not shown:
        st.markdown("No question is like that.")
        return
    pages = -(-len(shown) // A_PAGE)
    number = 1
    place = st.container()
    if pages > 1:
        number = st.pagination(pages, key=f"compare-page-{which}-{pages}")
    with place:
        some = shown[(number - 1) * A_PAGE : number * A_PAGE]
        _table(workspace, contest, runs, metric, some)
        order = ORDERS[which] if len(runs) > 1 else ""
        here = f", {len(some):,} on this page" if len(some) < len(shown) else ""
        st.caption(f"{counted(len(shown), 'question')}{here}{order}. Click one to see what was found for it.")


def _tally(rows: Sequence[Row], metric: str) -> str:
    """How often each of the others is better or worse than the first."""
    parts = []
    for place, letter in enumerate(LETTERS[1 : len(rows[0].figures)], start=1):
        pairs = [(one.figures[place], one.figures[0]) for one in rows]
        both = [(mine, other) for mine, other in pairs if mine is not None and other is not None]
        won = sum(better(metric, mine, other) for mine, other in both)
        lost = sum(better(metric, other, mine) for mine, other in both)
        parts.append(f"**{letter}** beside **A**: {won:,} better, {lost:,} worse, {len(both) - won - lost:,} equal")
    return " · ".join(parts)


def _table(workspace: Workspace, contest: Contest, runs: Sequence[Run], metric: str, rows: Sequence[Row]) -> None:
    places = [one.place for one in rows]
    reasons = reasons_of(workspace, contest, dict(zip(LETTERS, runs[:EXPLAINED], strict=False)), rows)
    why = {f"Why, in {letter}" if len(runs) > 1 else "Why": some for letter, some in reasons.items()}
    form = "%.1f ms" if metric.startswith("latency") else "%.3f"
    table = f"compare-table-{runs[0].id}-{len(runs)}-{metric}-{'-'.join(map(str, places))}"

    def clicked() -> None:
        cells = st.session_state[table].selection.cells
        if cells and cells[0][0] < len(places):
            look_at(QUESTION, places[cells[0][0]])

    st.dataframe(
        [
            {
                "Question": one.gold.question,
                **dict(zip(LETTERS, one.figures, strict=False)),
                **({"Outcome": _outcome(one, metric)} if len(runs) > 1 else {}),
                **{name: some.get(one.place, "") for name, some in why.items()},
                "Tags": list(one.gold.tags),
            }
            for one in rows
        ],
        hide_index=True,
        key=table,
        on_select=clicked,
        selection_mode="single-cell",
        placeholder="–",
        column_config={
            "Question": st.column_config.TextColumn(width=300, pinned=True),
            **{name: st.column_config.TextColumn(width=300) for name in why},
            **{letter: st.column_config.NumberColumn(format=form, width=72) for letter in LETTERS[: len(runs)]},
        },
        alt="Questions with their figures",
    )


def _outcome(row: Row, metric: str) -> str:
    if row.failed:
        return "failed"
    there = {letter: one for letter, one in zip(LETTERS, row.figures, strict=False) if one is not None}
    if len(there) < len(row.figures):
        return NO_FIGURE
    best = [letter for letter, one in there.items() if not any(better(metric, two, one) for two in there.values())]
    return "equal" if len(best) == len(there) else f"{', '.join(best)} better"
