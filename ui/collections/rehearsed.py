"""What came of a rehearsal: the verdict, the questions that were lost and won, what both versions cost, each figure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from rag.records import Outcomes, Rehearsal
from rag.workspace import BETTER, FEWEST, SAME, WORSE, Contest, Standing, Workspace, lower_is_better, usual_metric
from ui.experiments.diff import draw_question
from ui.experiments.scope import metrics_of
from ui.experiments.words import figure, metric_help, signed
from ui.places import EXPERIMENTS
from ui.text import about, bytes_as_text, counted, escape_markdown, shortened

NOW, THEN = "Now", "New version"
A_PAGE = 8
UNLOCATED = (
    "No question of this set says where its answer stands, so it cannot be told which version finds it better. Give "
    "the questions a document, pages or quotes."
)
_ALIGNED = "<style>.st-key-rehearsed-rows button p { text-align: left; }</style>"
"""Of questions that take several lines."""
_CHANCE = "Other questions of this kind might as well show the contrary."
_FEW = f"With fewer than {FEWEST} questions that have this figure, either version may look better by chance."
_COUNTS = ("questions", "errors", "located")


def draw_verdict(workspace: Workspace, found: Rehearsal, metric: str = "") -> None:
    """Which version is better, in words, by a metric or the usual one; of a rehearsal that is whole."""
    metric = metric or usual_metric(found.runs)
    standing = _standing(workspace, found, metric)
    if standing is None or standing.difference is None or not standing.difference.questions:
        st.info(UNLOCATED, icon=":material/help:")
        return
    difference, outcome = standing.difference, workspace.outcomes(found, metric)
    said = _in_words(outcome)
    before, after = (one.metrics[metric] for one in found.runs)
    told = f"{escape_markdown(metric)}: {before:.3f} now, {after:.3f} with the new version."
    if not difference.enough:
        st.info(f"**Too few questions to tell.** {said}", icon=":material/help:")
        st.caption(f"{told} {_FEW}", help=metric_help(metric))
        return
    if standing.verdict == BETTER:
        st.success(f"**The new version finds better passages.** {said}", icon=":material/trending_up:")
    elif standing.verdict == WORSE:
        st.error(f"**The new version finds worse passages.** {said}", icon=":material/trending_down:")
    else:
        st.info(f"**No real difference between the two.** {said}", icon=":material/trending_flat:")
    chance = f" {_CHANCE}" if standing.verdict == SAME else ""
    st.caption(
        f"{told} The difference is {signed(difference.mean)}, and would lie between {signed(difference.low)} and "
        f"{signed(difference.high)} for 95 of 100 such sets.{chance}",
        help=metric_help(metric),
    )


def draw_rehearsed(workspace: Workspace, found: Rehearsal) -> None:
    """All of it."""
    offered = [one for one in metrics_of(found.runs) if not lower_is_better(one) and one not in _COUNTS]
    metric = usual_metric(found.runs)
    if metric:
        place = st.container()
        metric = st.selectbox(
            "Judged by",
            offered,
            index=offered.index(metric),
            key=f"rehearsed-by-{found.study.id}",
            help="What decides which version is better for a question. "
            + escape_markdown(metric_help(st.session_state.get(f"rehearsed-by-{found.study.id}", metric))),
        )
        with place:
            draw_verdict(workspace, found, metric)
        _questions(workspace, found, metric)
    else:
        draw_verdict(workspace, found)
    with st.expander("What both cost", icon=":material/speed:", expanded=True, key=f"costs-{found.study.id}"):
        _costs(workspace, found)
    if metric:
        with st.expander("All figures", icon=":material/table_rows:", key=f"figures-{found.study.id}"):
            _figures(workspace, found, offered)
    contest = _contest(found)
    st.page_link(
        EXPERIMENTS,
        label="See both runs on the Experiments page",
        icon=":material/science:",
        query_params=[
            ("view", "Compare"),
            ("asked", contest.key),
            *(("run", one.id) for one in found.runs),
        ],
    )


def _in_words(outcome: Outcomes) -> str:
    """How many questions it does better and worse by."""
    measured = len(outcome.won) + len(outcome.lost) + outcome.same
    said = (
        f"Of {counted(measured, 'question')}, {len(outcome.won):,} found better, {len(outcome.lost):,} found worse, "
        f"{outcome.same:,} as before."
    )
    if outcome.unmeasured:
        said += f" {outcome.unmeasured:,} more cannot be judged: nothing says where their answer stands."
    return said


def _standing(workspace: Workspace, found: Rehearsal, metric: str) -> Standing | None:
    return workspace.standings_of(found.runs, metric, found.before.id).get(found.after.id) if metric else None


def _contest(found: Rehearsal) -> Contest:
    return Contest((found.study,), found.runs)


# -- figures and costs ------------------------------------------------------------------------------------------------


def _figures(workspace: Workspace, found: Rehearsal, metrics: Sequence[str]) -> None:
    st.dataframe(
        [_row(workspace, found, one) for one in metrics],
        hide_index=True,
        height=260,
        placeholder="–",
        column_config={
            "Figure": st.column_config.TextColumn(width=120, pinned=True),
            "In words": st.column_config.TextColumn(width=120, help=f"“No real difference”: {_CHANCE.lower()}"),
            "Between": st.column_config.TextColumn(
                width=120, help="Where 95 of 100 such differences lie when the questions are drawn anew."
            ),
            "What it is": st.column_config.TextColumn(width=320),
        },
        alt="The figures of both versions",
    )


def _row(workspace: Workspace, found: Rehearsal, metric: str) -> dict[str, Any]:
    standing = _standing(workspace, found, metric)
    difference = standing.difference if standing else None
    return {
        "Figure": metric,
        NOW: figure(metric, found.before.metrics.get(metric)),
        THEN: figure(metric, found.after.metrics.get(metric)),
        "Difference": signed(difference.mean) if difference else None,
        "Between": f"{signed(difference.low)} and {signed(difference.high)}" if difference else None,
        "In words": standing.verdict if standing and difference else None,
        "What it is": metric_help(metric),
    }


def _costs(workspace: Workspace, found: Rehearsal) -> None:
    now, then = workspace.costs(found.study.collection)
    fast = [
        (said, *(figure(name, one.metrics.get(name)) for one in found.runs))
        for said, name in (
            ("Time to find passages, half of the questions", "latency p50"),
            ("Time to find passages, 95 of 100 questions", "latency p95"),
        )
    ]
    rows = [
        *fast,
        ("Passages", f"{now.passages:,}", f"{then.passages:,}"),
        ("On the disk, beside the files", about_bytes(now.bytes), about_bytes(then.bytes)),
        ("Time it took to make", about(now.seconds), about(then.seconds)),
    ]
    st.table([{"": what, NOW: old, THEN: new} for what, old, new in rows], border="horizontal")
    failed = [one.metrics.get("errors", 0) for one in found.runs]
    if any(failed):
        st.caption(f"Questions that failed: {failed[0]:,.0f} now, {failed[1]:,.0f} with the new version.")


def about_bytes(number: int) -> str:
    """Sizes of a collection's parts in files that it shares with others."""
    return f"about {bytes_as_text(number)}"


# -- questions --------------------------------------------------------------------------------------------------------


def _questions(workspace: Workspace, found: Rehearsal, metric: str) -> None:
    """Those that the new version is worse or better for, and what both found for the one that is looked at."""
    outcome = workspace.outcomes(found, metric)
    kinds = {f"Found worse · {len(outcome.lost):,}": outcome.lost, f"Found better · {len(outcome.won):,}": outcome.won}
    there = [one for one, places in kinds.items() if places]
    if not there:
        return
    chosen = st.segmented_control(
        "Questions", there, default=there[0], required=True, key=f"rehearsed-which-{found.study.id}-{'-'.join(there)}"
    )
    places = kinds[chosen or there[0]]
    looked_at = f"rehearsed-question-{found.study.id}"
    asked = workspace.questions_asked(found.study)
    before, after = (workspace.measured_of(one.id) for one in found.runs)
    pages = -(-len(places) // A_PAGE)
    st.html(_ALIGNED)
    rows = st.container(gap="xsmall", key="rehearsed-rows")
    number = st.pagination(pages, key=f"rehearsed-page-{found.study.id}-{metric}-{chosen}") if pages > 1 else 1
    with rows:
        for place in places[(number - 1) * A_PAGE : number * A_PAGE]:
            figures = f"{before[place][metric]:.2f} → {after[place][metric]:.2f}"
            st.button(
                f"{escape_markdown(shortened(asked[place].question, 90))} :gray[:small[{figures}]]",
                key=f"rehearsed-{found.study.id}-{place}",
                type="tertiary",
                icon=":material/keyboard_arrow_down:"
                if st.session_state.get(looked_at) == place
                else ":material/compare:",
                help="See what both versions found",
                on_click=_look,
                args=(looked_at, place),
            )
    shown = st.session_state.get(looked_at)
    if shown in places:
        draw_question(workspace, _contest(found), found.runs, shown, (NOW, THEN), partial(_look, looked_at, shown))


def _look(looked_at: str, place: int) -> None:
    """Look at a question, or no longer at it."""
    same = st.session_state.get(looked_at) == place
    st.session_state[looked_at] = None if same else place
