"""Upload: files in, progress while they become searchable, and what became of each."""

import tempfile
from pathlib import Path

import streamlit as st

from ui.progress import remember, watch
from ui.shell import ASK, heading, page
from ui.text import counted
from ui.uploads import NEW_COLLECTION, collection_choices, extensions, hand_in_uploads

with page("Upload") as workspace:
    heading("Upload")
    settings = workspace.settings
    if settings.demo:
        st.info("This is a read-only demo: nothing can be uploaded here. Ask about what is there.")
        st.page_link(ASK, label="Ask a question", icon=":material/forum:")
        st.stop()

    batch = st.session_state.setdefault("batch", 0)
    handed_in = st.session_state.setdefault("handed_in", [])
    seen = st.session_state.setdefault("seen_uploads", set())

    files = st.file_uploader(
        "Files to index",
        type=extensions(),
        accept_multiple_files=True,
        key=f"files-{batch}",
        max_upload_size=settings.max_file_mb,
        help="PDF, text and Markdown.",
    )
    choices = collection_choices(workspace)
    choice = st.selectbox(
        "Collection",
        [*choices, NEW_COLLECTION],
        key="upload_collection",
        persist_state="session",
        help="A collection is a set of documents that are searched together.",
    )
    is_new = choice == NEW_COLLECTION
    name = st.text_input("Name of the new collection", max_chars=100) if is_new else choice
    replaces = st.toggle("Replace documents with the same name", key="replaces", persist_state="session")

    if files and name.strip() in ("", NEW_COLLECTION):
        st.caption("Give the new collection a name of its own to go on.")
    elif files and st.button(f"Add {counted(len(files), 'file')}", type="primary", icon=":material/add:"):
        new = [one for one in files if one.file_id not in seen]
        with tempfile.TemporaryDirectory() as folder:
            events = hand_in_uploads(workspace, new, Path(folder), name.strip(), replaces)
        seen.update(one.file_id for one in new)  # only now: after an error they can be added again
        remember(name.strip(), events)
        st.session_state["batch"] = batch + 1
        st.rerun()

    if handed_in or workspace.unfinished():
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader("Progress", anchor=False)
            if handed_in and not workspace.unfinished():
                st.button("Clear this list", type="tertiary", on_click=handed_in.clear)
        watch(workspace)
        if not workspace.unfinished():
            st.page_link(ASK, label="Ask a question", icon=":material/forum:")
