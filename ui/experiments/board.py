"""The leaderboard: runs in the order of a metric, each beside the one that they are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from rag.records import Run, RunState
from rag.workspace import FEWEST, Contest, Standing, Workspace
from ui.dialogs import open_dialog
from ui.experiments.address import RUNS, VIEW, look_at, now
from ui.experiments.filtering import example, filtered
from ui.experiments.measurable import tell_unmeasured
from ui.experiments.promoting import CHAMPION, draw_promoted, promote, why_not_promoted
from ui.experiments.scope import (
    baseline,
    choose_contest,
    choose_metric,
    choose_runs,
    finished,
    hold_against,
    metrics_of,
    ranked,
    told_apart,
)
from ui.experiments.table import digest, draw_table, is_promoted
from ui.experiments.words import beside, described, metric_help
from ui.text import counted, escape_markdown, message_markdown

A_PAGE = 15
MANY = 20
LUCK = "Among so many, some look better by luck alone: ask the best of them other questions before you promote one."
REAL = (
    f"A difference counts as real if its 95 % interval leaves out 0, and at least {FEWEST} questions have another "
    "figure."
)
FEW = f"With fewer than {FEWEST} questions nothing can be said of differences."
FAILURES = "A question that failed counts as one for which nothing was found or answered."
NO_INTERVAL = "It is no mean over questions, so whether a difference is real cannot be said."
FEW_METRICS = 3
"""Shown beside the one that runs are ordered by, before anybody chooses."""
_BESIDE = ("hit@5", "MRR", "F1", "latency p50", "recall@5", "hit@1", "latency p95")


def draw_board(workspace: Workspace) -> None:
    """Draw the view."""
    contest = choose_contest(workspace)
    if contest is None:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        runs = choose_runs(contest)
        metric = choose_metric(runs)
    if not metric:
        _nothing_measured(runs)
        return
    tell_unmeasured(finished(runs))
    held = baseline(workspace, contest, metric)
    names = told_apart(workspace, contest, finished(runs))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        shown = _filtered(ranked(runs, metric), names)
        more = _choosebeside(runs, metric)
    place = st.container()
    first = _first_of_page(shown, contest)
    some = shown[first : first + A_PAGE]
    standings = workspace.standings_of(some, metric, held.id if held else "")
    with place:
        if some:
            marks = workspace.promoted_runs(contest.newest)
            draw_table(some, first + 1, names, (metric, *more), standings, marks, held)
        else:
            st.markdown("No run has a value with these words. Look for less, or divide several values by commas.")
    _told(shown, runs, standings, metric)
    _name_baseline(held, names)
    _name_champion(workspace, contest, shown, metric, held)
    _chosen(workspace, contest, names, held)
    draw_promoted(workspace, contest)


def _nothing_measured(runs: Sequence[Run]) -> None:
    reasons = list(dict.fromkeys(one.reason for one in runs if one.reason))
    if any(one.state in (RunState.QUEUED, RunState.RUNNING) for one in runs):
        st.markdown("Nothing has been measured yet: the first run is still going on.")
    else:
        st.markdown("None of these runs has come to a figure.")
    for one in reasons[:3]:
        st.error(message_markdown(one), icon=":material/error:")
    st.button("See the studies", icon=":material/science:", on_click=look_at, args=(VIEW, "Studies"))


def _filtered(runs: Sequence[Run], names: Sequence[str]) -> list[Run]:
    if len(runs) <= A_PAGE:
        return list(runs)
    such = example(runs, names)
    wanted = st.text_input(
        "Filter",
        key="experiments-filter",
        placeholder=f"Such as: {such}" if such else None,
        help="Words of one value. Divide several values by commas: then runs that have all of them are shown.",
        persist_state="session",
    )
    return filtered(runs, wanted or "")


def _first_of_page(runs: Sequence[Run], contest: Contest) -> int:
    """The first run of the page that is looked at, from 0."""
    pages = max(1, -(-len(runs) // A_PAGE))
    if pages == 1:
        return 0
    with st.container(horizontal_alignment="center"):
        number = st.pagination(pages, key=f"experiments-page-{contest.key}-{pages}")
    return (number - 1) * A_PAGE


def _choosebeside(runs: Sequence[Run], metric: str) -> list[str]:
    there = [one for one in metrics_of(runs) if one != metric]
    usual = [one for one in _BESIDE if one in there][:FEW_METRICS]
    kept = f"experiments-beside-{digest(there)}"
    with st.popover("More figures", icon=":material/view_column:"):
        chosen = st.multiselect(
            "Figures beside it", there, default=usual, key=kept, placeholder="Choose", persist_state="session"
        )
    return list(chosen)


def _told(shown: Sequence[Run], runs: Sequence[Run], standings: Mapping[str, Standing], metric: str) -> None:
    lower = " Less is better." if metric.startswith(("latency", "errors")) else ""
    few = f"{len(shown):,} of " if len(shown) < len(runs) else ""
    if not shown:
        st.caption(f"{few}{counted(len(runs), 'run')}.")
        return
    asked = max((one.difference.questions for one in standings.values() if one.difference), default=0)
    pairs = f" Compared over {counted(asked, 'question')}." if asked else ""
    luck = f" {LUCK}" if len(runs) > MANY else ""
    whole = bool(standings) and not any(one.questions for one in standings.values())
    real = REAL if asked >= FEWEST else FEW if asked else NO_INTERVAL if whole else ""
    failed = f" {FAILURES}" if any(one.metrics.get("errors") for one in shown) else ""
    st.caption(f"{few}{counted(len(runs), 'run')}.{lower}{pairs}{f' {real}' if real else ''}{failed}{luck}")
    if said := metric_help(metric):
        st.caption(f":material/info: {escape_markdown(metric)}: {escape_markdown(said)}")


def _name_baseline(run: Run | None, names: Sequence[str]) -> None:
    if run is not None:
        st.caption(
            f":material/flag: The baseline: {escape_markdown(described(run.configuration, names))}",
            help="What answers now where it has this figure, else the first run. Mark another one to hold the runs "
            "against that.",
        )


def _name_champion(workspace: Workspace, contest: Contest, shown: Sequence[Run], metric: str, held: Run | None) -> None:
    """Where the champion stands, which need not be on this page of the table, nor among these runs at all."""
    promotion = workspace.promoted_runs(contest.newest).get(CHAMPION)
    if promotion is None:
        return
    run = next((one for one in contest.runs if is_promoted(one, promotion)), None)
    place = next((rank for rank, one in enumerate(shown, 1) if run is not None and one.id == run.id), 0)
    measure = escape_markdown(metric)
    if run is None:
        said = "not asked these questions yet. Try its values in a study with this question set to see where it stands."
    elif metric not in run.metrics:
        said = (
            f"without {measure}, which it has not measured, so it stands last. Choose another metric to see its place."
        )
    elif not place:
        said = "not among the runs that are shown here. Show all studies, and filter nothing."
    else:
        said = f"at place {place:,}."
    called = f" {escape_markdown(beside(run, held, ()))} ·" if run is not None and held is not None else ""
    st.caption(f":material/trophy: The champion:{called} {said}")


def _chosen(workspace: Workspace, contest: Contest, names: Sequence[str], held: Run | None) -> None:
    """What can be done with the runs that are marked."""
    by_id = {one.id: one for one in contest.runs}
    chosen = [by_id[one] for one in now(RUNS) or [] if one in by_id]
    if not chosen:
        st.caption("Mark one run to promote it, or several to compare them.")
        return
    with st.container(border=True, gap="xsmall", key="experiments-chosen"):
        for one in chosen:
            st.markdown(escape_markdown(beside(one, held, names)))
            if one.reason:
                st.caption(message_markdown(one.reason))
        with st.container(horizontal=True):
            if len(chosen) > 1:
                st.button(
                    f"Compare {len(chosen)} runs",
                    icon=":material/compare_arrows:",
                    on_click=look_at,
                    args=(VIEW, "Compare"),
                )
            elif chosen[0].state is RunState.FINISHED:
                draw_one(workspace, contest, chosen[0])
            st.button("Unmark", type="tertiary", icon=":material/close:", on_click=look_at, args=(RUNS, []))


def draw_one(workspace: Workspace, contest: Contest, run: Run) -> None:
    """What can be done with one run that has finished."""
    if not workspace.settings.demo:
        why_not = why_not_promoted(workspace, contest, run)
        st.button(
            "Promote",
            key=f"promote-{run.id}",
            icon=":material/trophy:",
            disabled=bool(why_not),
            help=why_not or None,
            on_click=open_dialog,
            args=(promote, workspace, contest, run),
        )
    st.button(
        "Hold others against it",
        key=f"baseline-{run.id}",
        icon=":material/flag:",
        on_click=hold_against,
        args=(contest.key, run.id),
    )
    st.button(
        "See its questions",
        key=f"questions-{run.id}",
        icon=":material/list:",
        on_click=_see,
        args=(run.id,),
    )


def _see(run: str) -> None:
    look_at(RUNS, [run])
    look_at(VIEW, "Compare")
