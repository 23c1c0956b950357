"""Experiments: which way of finding and answering is better for these documents, and that one for everybody."""

import streamlit as st

from ui.experiments.address import VIEW, follow_address, key, look_at, now, tell_address
from ui.experiments.board import draw_board
from ui.experiments.compare import draw_compare
from ui.experiments.mlflow import RUNS, draw_mlflow
from ui.experiments.plots import draw_plots
from ui.experiments.sets import draw_sets
from ui.experiments.studies import draw_studies
from ui.experiments.traces import draw_traces
from ui.shell import heading, page
from ui.viewer import close_viewer

VIEWS = {
    "Question sets": draw_sets,
    "Studies": draw_studies,
    "Leaderboard": draw_board,
    "Plots": draw_plots,
    "Compare": draw_compare,
    "Traces": draw_traces,
}

WIDER = "<style>[data-testid=stMainBlockContainer] { max-width: 70rem; }</style>"  # tables and plots use the room

with page("Experiments") as workspace:
    st.html(WIDER)
    heading("Experiments")
    st.caption("Ask the same questions in several ways, see which way is better, and let that one answer.")
    follow_address()
    if now(VIEW) not in VIEWS:  # nobody has chosen yet, or the address names what there is not
        look_at(VIEW, "Leaderboard" if workspace.contests() else "Question sets")
    view = st.segmented_control(
        "View",
        list(VIEWS),
        required=True,
        key=key(VIEW),
        label_visibility="collapsed",
        persist_state="session",
        on_change=close_viewer,
    )
    VIEWS[view](workspace)
    if view in ("Studies", "Leaderboard") and workspace.tracks and workspace.contests():
        draw_mlflow(workspace, RUNS)
    tell_address()
