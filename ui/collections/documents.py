"""The documents of a collection: a table to find them in, and what can be done with them."""

from __future__ import annotations

import streamlit as st

from rag.records import UNFINISHED, Collection
from rag.workspace import Workspace
from ui.collections.passages import read_passages
from ui.contents import choose, describe, show_failures
from ui.deleting import confirm_delete
from ui.dialogs import open_dialog
from ui.originals import download_button
from ui.overviews import overview_button
from ui.places import UPLOAD
from ui.progress import watch


def draw_documents(workspace: Workspace, collection: Collection) -> None:
    """Draw the view."""
    documents = workspace.documents(collection.name)
    if any(one.state in UNFINISHED for one in documents):
        watch(workspace, briefly=True)
    if not documents:
        st.markdown("This collection is empty.")
        if not workspace.settings.demo:
            st.page_link(UPLOAD, label="Upload documents", icon=":material/upload_file:")
        return
    st.space("xxsmall")  # where the table's toolbar appears
    document = choose(documents, collection.name)
    show_failures(workspace, documents)
    if document is not None:
        describe(workspace, document)
        with st.container(horizontal=True):
            if document.visible:
                overview_button(workspace, document)
                st.button(
                    "Read its passages",
                    icon=":material/segment:",
                    on_click=read_passages,
                    args=(collection.name, document.id),
                )
            download_button(workspace, document, "collection")
            if not workspace.settings.demo:
                st.button(
                    "Delete this document",
                    icon=":material/delete:",
                    on_click=open_dialog,
                    args=(confirm_delete, workspace, document),
                )
