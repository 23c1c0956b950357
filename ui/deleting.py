"""How collections and everything are deleted: never without being asked, for it cannot be undone."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import streamlit as st

from rag.errors import NotFoundError
from rag.workspace import Workspace
from ui.dialogs import close_dialog
from ui.errors import friendly_errors
from ui.shell import say
from ui.text import bytes_as_text, counted, escape_markdown

ERASE_WORD = "erase"
QUOTES_STAY = (
    "Answers already given keep what they quote until their conversation is deleted, and rows of the evaluation set "
    "until they are removed."
)


@st.dialog("Delete this collection?", icon=":material/delete:", on_dismiss=close_dialog)
def confirm_delete_collection(workspace: Workspace, name: str, documents: int) -> None:
    """Ask, then delete a collection."""
    st.markdown(
        f"**{escape_markdown(name)}** and its {counted(documents, 'document')} will be removed. This cannot be undone."
    )
    st.caption(QUOTES_STAY)
    _delete_or_keep(lambda: _delete_collection(workspace, name))


def _delete_or_keep(delete: Any) -> None:
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep", key="keep", on_click=close_dialog):
            st.rerun()
        pressed = st.button("Delete", key="really-delete", type="primary")
    if pressed:
        with friendly_errors():  # the dialog stays with what went wrong
            delete()
            close_dialog()
            st.rerun()


def _delete_collection(workspace: Workspace, name: str) -> None:
    with suppress(NotFoundError):
        workspace.delete_collection(name)
    say(f"Deleted the collection {escape_markdown(name)}.")


def storage(workspace: Workspace) -> None:
    """Where everything lies, how large it is, and a way to erase it all."""
    taken = f"{bytes_as_text(workspace.size())} on the disk for all that is kept here"
    with st.expander(f"Storage · {taken}", icon=":material/hard_drive:"):
        if workspace.settings.demo:
            st.markdown("This is a read-only demo: its documents are kept on its server.")
            return
        lasting = workspace.settings.chroma_mode != "memory"
        until = "" if lasting else ", until Footnote stops"
        st.markdown(f"Documents, their text and the index are kept in this folder{until}:")
        st.code(str(workspace.folder.path), language=None, wrap_lines=True)
        st.markdown(
            "**Erase everything.** All documents of all collections and all conversations will be gone. To go on, type "
            f"`{ERASE_WORD}`."
        )
        if elsewhere := workspace.mlflow_elsewhere:
            st.caption(
                f"What MLflow at {escape_markdown(elsewhere)} was told is deleted there too, once it can be reached. "
                "The files of studies and models stay there until whoever runs it clears them away (`mlflow gc`)."
            )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            typed = st.text_input("Type it here", key="erase-word", label_visibility="collapsed", width=180, live=True)
            st.button(
                "Erase everything",
                icon=":material/delete_forever:",
                disabled=(typed or "").strip().lower() != ERASE_WORD,
                on_click=_erase,
                args=(workspace,),
            )


def _erase(workspace: Workspace) -> None:
    if str(st.session_state["erase-word"]).strip().lower() != ERASE_WORD:
        return
    with friendly_errors():
        workspace.erase()
        for key in ("turns", "talk", "removed", "watched"):
            st.session_state.pop(key, None)
        st.session_state["erase-word"] = ""
        say("Everything has been erased.")
