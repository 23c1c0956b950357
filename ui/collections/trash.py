"""What was deleted a moment ago, and the button that brings it back: after a reload of the page too."""

from __future__ import annotations

import streamlit as st

from rag.records import Trashed
from rag.workspace import Workspace
from ui.deleting import QUOTES_STAY
from ui.dialogs import run_page, run_page_if_asked
from ui.errors import friendly_errors
from ui.shell import say
from ui.text import counted, duration, escape_markdown, shortened

SHOWN = 3
"""Deletions, the last first."""
LOOK_SECONDS = 5.0


def draw_trash(workspace: Workspace, collection: str) -> None:
    """A line for each deletion that can still be undone."""
    if not workspace.settings.demo and workspace.trashed(collection):
        st.fragment(_draw, run_every=LOOK_SECONDS)(workspace, collection)


def _draw(workspace: Workspace, collection: str) -> None:
    run_page_if_asked()
    deletions = workspace.trashed(collection)
    if not deletions:  # the page need not look again
        st.rerun()
    with st.container(key="trash", gap="xsmall"):
        for place, one in enumerate(deletions[:SHOWN]):
            _line(workspace, one, place)


def _line(workspace: Workspace, one: Trashed, place: int) -> None:
    name = f"“{escape_markdown(shortened(one.name, 60))}”"
    what = name if one.documents == 1 else counted(one.documents, "document")
    with st.container(border=True, horizontal=True, vertical_alignment="center", wrap=False):
        st.markdown(
            f":material/delete: Deleted {what}.  \n:small[It can be undone for {duration(one.seconds_left)}; then "
            f"{'it is' if one.documents == 1 else 'they are'} removed from the disk.]",
            width="stretch",
            help=QUOTES_STAY,
        )
        st.button(
            "Undo", key=f"undo-{place}", icon=":material/undo:", on_click=_undo, args=(workspace, one), type="primary"
        )


def _undo(workspace: Workspace, one: Trashed) -> None:
    with friendly_errors():
        back = workspace.undo_trash(one.collection, one.at)
        say(f"{counted(back, 'document')} {'is' if back == 1 else 'are'} back, as before.")
    run_page()
