"""How far indexing is, at the foot of every page's sidebar, where nothing moves when it comes and goes."""

from __future__ import annotations

import streamlit as st

from rag.records import Progress
from rag.workspace import Workspace
from ui.errors import friendly_errors
from ui.places import UPLOAD
from ui.progress import POLL_SECONDS
from ui.stages import how_fast, how_many
from ui.text import message_markdown


def corner(workspace: Workspace) -> None:
    """Draw it, anew about every second while there is work, and not at all when there is none."""
    busy = workspace.progress() is not None
    with st.sidebar:
        st.fragment(_draw, run_every=POLL_SECONDS if busy else None)(workspace, busy)


def _draw(workspace: Workspace, was_busy: bool) -> None:
    with friendly_errors():
        progress = workspace.progress()
        if progress is not None:
            _show(progress, workspace.settings.demo)
        elif was_busy:
            st.session_state.pop("times_left", None)
            st.rerun()  # the whole page, which then shows what is ready and looks no more


def _show(progress: Progress, demo: bool) -> None:
    with st.container(border=True, gap="xsmall", key="indexing"):
        st.progress(progress.fraction, text=f"Indexing · {how_many(progress)}")
        st.caption(how_fast(progress))
        if progress.reason:
            st.caption(f":orange[{message_markdown(progress.reason)}]")
        if not demo:
            st.page_link(UPLOAD, label="See each document", icon=":material/arrow_forward:")
