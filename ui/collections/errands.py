"""What is being done with collections in the background: how far it is, and what has become of it."""

from __future__ import annotations

import streamlit as st

from rag.records import Move
from rag.workspace import Workspace
from ui.dialogs import close_dialog
from ui.errors import friendly_errors
from ui.shell import say
from ui.text import escape_markdown, message_markdown, shortened

POLL_SECONDS = 0.5


def begun(move: Move) -> None:
    """This session began it, and wants to hear how it ends."""
    st.session_state.setdefault("errands-begun", set()).add(move.id)


def told(move: Move) -> None:
    """This session knows how it ended."""
    st.session_state.get("errands-begun", set()).discard(move.id)


def concerns(move: Move) -> bool:
    """Whether there is anything to be said of it here: it is on its way, or was begun here and nobody has been told."""
    return not move.over or move.id in st.session_state.get("errands-begun", ())


def bar(move: Move, doing: str) -> None:
    """How far it is. `doing` is Markdown."""
    stage = f" · {escape_markdown(shortened(move.stage, 50))}" if move.stage else ""
    st.progress(min(1.0, max(0.0, move.fraction)), text=f"{doing}{stage}")


def settle(workspace: Workspace, move: Move, done: str, doing: str) -> None:
    """For a dialog: show something on its way; when it has ended well, close the dialog and show its collection."""
    st.fragment(_settle, run_every=None if move.over else POLL_SECONDS)(workspace, move.id, done, doing)


def _settle(workspace: Workspace, move_id: str, done: str, doing: str) -> None:
    with friendly_errors():
        move = next((one for one in workspace.errands.all() if one.id == move_id), None)
        if move is None:  # another session has stopped it
            st.rerun()
        elif not move.over:
            bar(move, f"{doing} {escape_markdown(move.name)}")
            st.caption("It goes on if you close this.")
            if st.button("Stop", icon=":material/close:", type="tertiary", key=f"stop-{move.id}"):
                workspace.stop_move(move.id)
                st.rerun()
        elif move.problem:
            st.error(message_markdown(move.problem), icon=":material/error:")
            if st.button("Back", key=f"back-{move.id}"):
                told(move)
                workspace.stop_move(move.id)
                st.rerun(scope="app")
        else:
            told(move)
            close_dialog()
            st.session_state["show_collection"] = move.collection
            say(f"{done} {escape_markdown(move.collection)}.")
            st.rerun()
