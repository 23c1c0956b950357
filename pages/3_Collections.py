"""Collections: what is kept, in which state, down to each passage; how to correct, move, save and delete it."""

import streamlit as st

from ui.collections.documents import draw_documents
from ui.collections.links import follow_link
from ui.collections.passages import draw_passages
from ui.collections.top import choose_collection, follow_choice
from ui.collections.upkeep import draw_upkeep
from ui.collections.vectors import draw_map
from ui.deleting import storage
from ui.places import UPLOAD
from ui.shell import heading, page

VIEWS = {"Documents": draw_documents, "Passages": draw_passages, "Map": draw_map, "Upkeep": draw_upkeep}

with page("Collections") as workspace:
    heading("Collections")
    collections = {one.name: one for one in workspace.collections()}
    follow_choice()
    follow_link(workspace, collections)
    collection = choose_collection(workspace, collections)
    if collection is None:
        st.markdown("There are no documents yet. A collection comes into being with the first document you put in it.")
        if not workspace.settings.demo:
            st.page_link(UPLOAD, label="Upload documents", icon=":material/upload_file:")
        storage(workspace)
    else:
        st.session_state.setdefault("collections_view", "Documents")
        view = st.segmented_control(
            "View",
            list(VIEWS),
            required=True,
            key="collections_view",
            label_visibility="collapsed",
            persist_state="session",
        )
        VIEWS[view](workspace, collection)
