"""Collections: what is kept, in which state, down to each passage; and how to delete it."""

import streamlit as st

from rag.records import UNFINISHED
from ui.contents import (
    choose,
    describe,
    follow_link,
    show_failures,
    show_passages,
)
from ui.deleting import confirm_delete, confirm_delete_collection, storage
from ui.dialogs import open_dialog
from ui.originals import download_button
from ui.overviews import overview_button
from ui.places import UPLOAD
from ui.progress import watch
from ui.shell import heading, page
from ui.text import bytes_as_text, counted, day

with page("Collections") as workspace:
    heading("Collections")
    collections = {one.name: one for one in workspace.collections()}
    if not collections:
        st.markdown("There are no documents yet. A collection comes into being with the first document you put in it.")
        if not workspace.settings.demo:
            st.page_link(UPLOAD, label="Upload documents", icon=":material/upload_file:")

    else:
        follow_link(collections, workspace.documents)
        if st.session_state.get("shown_collection") not in collections:
            st.session_state.pop("shown_collection", None)
        name = st.selectbox("Collection", list(collections), key="shown_collection", persist_state="session") or next(
            iter(collections)
        )
        collection, documents = collections[name], workspace.documents(name)
        st.caption(
            f"{counted(len(documents), 'document')} · {counted(collection.chunks, 'passage')} · "
            f"{bytes_as_text(collection.bytes)} · since {day(collection.created_at)}"
        )
        if any(one.state in UNFINISHED for one in documents):
            watch(workspace, briefly=True)
        if documents:
            st.space("xxsmall")  # where the table's toolbar appears
            document = choose(documents, name)
            show_failures(workspace, documents)
            if document is not None:
                describe(workspace, document)
                with st.container(horizontal=True):
                    if document.visible:
                        overview_button(workspace, document)
                    download_button(workspace, document, "collection")
                    if not workspace.settings.demo:
                        st.button(
                            "Delete this document",
                            icon=":material/delete:",
                            on_click=open_dialog,
                            args=(confirm_delete, workspace, document),
                        )
                show_passages(workspace, document)
        else:
            st.markdown("This collection is empty.")
            if not workspace.settings.demo:
                st.page_link(UPLOAD, label="Upload documents", icon=":material/upload_file:")
        if not workspace.settings.demo:
            st.button(
                "Delete this collection",
                icon=":material/delete_sweep:",
                type="tertiary",
                on_click=open_dialog,
                args=(confirm_delete_collection, workspace, name, len(documents)),
            )

    storage(workspace)
