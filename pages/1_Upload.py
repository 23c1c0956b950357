"""Upload: choose files, see what will happen to them, add them, and watch them become searchable."""

import streamlit as st

from ui.adding import chosen_files, review
from ui.places import ASK
from ui.progress import watch, watched_here
from ui.shell import heading, page
from ui.uploads import choose_collection, choose_files, choose_tags

with page("Upload") as workspace:
    heading("Upload")
    if workspace.settings.demo:
        st.info("This is a read-only demo: nothing can be uploaded here. Ask about what is there.")
        st.page_link(ASK, label="Ask a question", icon=":material/forum:")
        st.stop()

    basket = chosen_files()
    choose_files(basket, workspace.settings.max_file_mb)
    with st.grid(2, min_column_width=260):
        with st.container():
            collection = choose_collection(workspace)
        tags = choose_tags(workspace)

    if basket.items and not collection:
        st.caption("Give the new collection a name of its own to go on.")
    elif basket.items:
        review(workspace, basket, collection, tags)

    busy = workspace.progress() is not None
    if watched_here() or busy:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader("Progress", anchor=False, width="stretch")
            if not busy:
                st.page_link(ASK, label="Ask a question", icon=":material/forum:")
                st.button("Clear this list", type="tertiary", on_click=watched_here().clear)
        watch(workspace)
