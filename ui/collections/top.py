"""What is above all views: which collection is looked into, what it is, and where new ones come from."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from rag.records import Collection
from rag.workspace import Workspace
from ui.collections.backups import offer_import
from ui.collections.elsewhere import offer_link
from ui.dialogs import NEW, close_dialog, open_from_new
from ui.errors import friendly_errors
from ui.shell import say
from ui.text import bytes_as_text, counted, day, escape_markdown

LONGEST_NAME = 100
SHOWN = "shown_collection"


def choose_collection(workspace: Workspace, collections: Mapping[str, Collection]) -> Collection | None:
    """The collection that is looked into; None if there is none. Beside it is what makes new ones."""
    if st.session_state.get(SHOWN) not in collections:
        st.session_state.pop(SHOWN, None)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if collections:
            st.selectbox("Collection", list(collections), key=SHOWN, persist_state="session")
        if not workspace.settings.demo:
            with st.popover("New", icon=":material/add:", key=NEW, on_change="rerun"):
                st.button(
                    "Empty collection",
                    icon=":material/create_new_folder:",
                    width="stretch",
                    on_click=open_from_new,
                    args=(create, workspace),
                )
                offer_import(workspace)
                offer_link(workspace)
    found = collections.get(st.session_state.get(SHOWN) or next(iter(collections), ""))
    if found is not None:
        st.caption(
            f"{counted(found.documents, 'document')} · {counted(found.chunks, 'passage')} · "
            f"{bytes_as_text(found.bytes)} · since {day(found.created_at)}"
        )
    return found


@st.dialog("New collection", icon=":material/create_new_folder:", on_dismiss=close_dialog)
def create(workspace: Workspace) -> None:
    """Ask for a name, then make an empty collection."""
    with st.form("create-collection", border=False):
        name = st.text_input("Its name", max_chars=LONGEST_NAME, placeholder="Contracts 2026")
        st.caption("Documents are put into it on the Upload page, or moved here from another collection.")
        made = st.form_submit_button("Create", type="primary")
    if made:
        with friendly_errors():
            found = workspace.create_collection(name)
            _done(found, f"Created the collection {escape_markdown(found.name)}.")


@st.dialog("Rename this collection", icon=":material/edit:", on_dismiss=close_dialog)
def rename(workspace: Workspace, collection: Collection) -> None:
    """Ask for another name, then give it."""
    with st.form("rename-collection", border=False):
        name = st.text_input("Its new name", collection.name, max_chars=LONGEST_NAME)
        st.caption("Links, conversations and footnotes that name it as it was called before go on leading to it.")
        renamed = st.form_submit_button("Rename", type="primary")
    if renamed:
        with friendly_errors():
            found = workspace.rename_collection(collection.name, name)
            _done(found, f"It is called {escape_markdown(found.name)} now.")


def _done(collection: Collection, message: str) -> None:
    """Show a collection, and what became of it."""
    close_dialog()
    st.session_state["show_collection"] = collection.name  # its box has been drawn already
    say(message)
    st.rerun()


def follow_choice() -> None:
    """Choose what was made or renamed in a dialog, before the box is drawn."""
    if name := st.session_state.pop("show_collection", None):
        st.session_state[SHOWN] = name
