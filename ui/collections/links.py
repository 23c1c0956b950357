"""What an address names is opened: `?collection=...&document=...`, or `?collection=...&view=Upkeep`."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from rag.errors import NotFoundError
from rag.workspace import Workspace
from ui.collections.table import open_document


def follow_link(workspace: Workspace, collections: Collection[str]) -> None:
    """Choose what the address names, once: afterwards the reader chooses."""
    name, document = st.query_params.get("collection"), st.query_params.get("document")
    view = "Upkeep" if st.query_params.get("view") == "Upkeep" else "Documents"
    if name is None:
        return
    st.query_params.clear()
    name = workspace.current_name(name)
    if name in collections and (document is None or _is_there(workspace, document, name)):
        st.session_state["shown_collection"] = name
        st.session_state["collections_view"] = view
        open_document(name, document)
    else:
        st.info("What the link leads to is no longer there.", icon=":material/link_off:")


def _is_there(workspace: Workspace, document: str, collection: str) -> bool:
    try:
        return workspace.document(document, collection).id == document
    except NotFoundError:
        return False
