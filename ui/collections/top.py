"""What is above all views: which collection is looked into, what it is, and where new ones come from."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from rag.records import Collection
from rag.workspace import Workspace
from ui.collections.backups import offer_import
from ui.collections.elsewhere import offer_link
from ui.text import bytes_as_text, counted, day


def choose_collection(workspace: Workspace, collections: Mapping[str, Collection]) -> Collection | None:
    """The collection that is looked into; None if there is none. Beside it is what makes new ones."""
    if st.session_state.get("shown_collection") not in collections:
        st.session_state.pop("shown_collection", None)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Collection", list(collections), key="shown_collection", persist_state="session")
        if not workspace.settings.demo:
            with st.popover("New", icon=":material/add:"):
                offer_import(workspace)
                offer_link(workspace)
    found = collections.get(name) or next(iter(collections.values()), None)
    if found is not None:
        st.caption(
            f"{counted(found.documents, 'document')} · {counted(found.chunks, 'passage')} · "
            f"{bytes_as_text(found.bytes)} · since {day(found.created_at)}"
        )
    return found
