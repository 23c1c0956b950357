"""MLflow beside our own pages: what it has of studies and traces, and the way there."""

from __future__ import annotations

import streamlit as st

from rag.workspace import Workspace
from ui.door import is_here
from ui.errors import friendly_errors
from ui.text import message_markdown

RUNS, STEPS = "runs", "traces"
"""What of a workspace is looked for in MLflow."""
_KINDS = {"trace": "trace", "study": "study", "run": "run", "promotion": "promotion", "model": "model"}


def draw_mlflow(workspace: Workspace, what: str) -> None:
    """Where studies or traces are in MLflow, `what` of both, and how far all has come there."""
    if not workspace.tracks:
        st.caption(
            "Nothing is told to MLflow: `RAG_MLFLOW` is off, or all is kept in memory only. Studies and traces are "
            "kept here all the same."
        )
        return
    state = workspace.tracking_state()
    waiting = ", ".join(
        f"{number:,} {_KINDS.get(kind, kind) if number == 1 else _several(_KINDS.get(kind, kind))}"
        for kind, number in state.waiting.items()
        if number
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f":small[{f'On the way to MLflow: {waiting}' if waiting else 'MLflow has all of this too'}]",
            help="MLflow keeps studies, runs, champions and traces as well, so that they open in its own pages.",
            width="stretch",
        )
        if state.address and (is_here() or not state.is_local):
            st.link_button("Open in MLflow", workspace.mlflow_address(what), icon=":material/open_in_new:")
        elif is_here():
            st.button(
                "Start MLflow’s pages",
                icon=":material/play_arrow:",
                key="start-mlflow",
                help="On this machine only, for they show everybody's questions and ask nobody who they are. It takes "
                "some seconds; `python -m rag mlflow` does the same.",
                on_click=_start,
                args=(workspace,),
            )
        else:
            st.markdown(
                ":small[:material/lock: Its pages open where Footnote runs]",
                help="They show everybody's questions and ask nobody who they are, so they open on that machine only: "
                "there `python -m rag mlflow` starts them.",
                width="content",
            )
    if state.error:
        st.warning(message_markdown(state.error), icon=":material/sync_problem:")
        st.button("Try again now", icon=":material/sync:", key="track-now", on_click=_try_now, args=(workspace,))


def _several(noun: str) -> str:
    return "studies" if noun == "study" else f"{noun}s"


def _try_now(workspace: Workspace) -> None:
    with friendly_errors():
        workspace.track_now()


def _start(workspace: Workspace) -> None:
    with friendly_errors(), st.spinner("Starting MLflow’s pages…"):
        if is_here():  # a button may have been drawn for somebody who came another way
            workspace.open_mlflow()
