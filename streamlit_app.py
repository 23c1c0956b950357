"""Home: what Footnote does, what is indexed, and what to do next."""

import streamlit as st

from ui.brand import NAME, PROMISE
from ui.places import ASK, COLLECTIONS, UPLOAD
from ui.progress import hand_in, remember, watch
from ui.samples import sample_files
from ui.shell import heading, page
from ui.text import counted, day, escape_markdown, shortened

STEPS = (
    (
        ":material/upload_file:",
        "Upload",
        "PDF, Word, PowerPoint, Excel, CSV, HTML, Markdown, text, JSON and images; files or whole folders.",
    ),
    (":material/forum:", "Ask", "In your own words. Answers come from your documents only."),
    (":material/fact_check:", "Check", "Each footnote opens the page it quotes, the words marked."),
)
LATEST = 5

with page(NAME) as workspace:
    heading(NAME)
    st.markdown(PROMISE)
    totals = workspace.totals()

    if totals.documents:
        with st.grid(4, min_column_width=130):
            st.metric("Documents", f"{totals.documents:,}", border=True)
            st.metric("Pages", f"{totals.pages:,}", border=True)
            st.metric(
                "Passages",
                f"{totals.chunks:,}",
                border=True,
                help="Documents are split into passages of a few sentences, which are what is searched and quoted.",
            )
            st.metric("Collections", f"{totals.collections:,}", border=True)
        with st.container(horizontal=True):
            if st.button("Ask a question", type="primary", icon=":material/forum:"):
                st.switch_page(ASK)
            if not workspace.settings.demo and st.button("Upload more", icon=":material/upload_file:"):
                st.switch_page(UPLOAD)

    if totals.unfinished:
        st.subheader("In progress", anchor=False)
        watch(workspace, briefly=True)

    if totals.documents:
        st.subheader("Latest documents", anchor=False)
        with st.container(border=True, gap="small"):
            for one in workspace.latest(LATEST):
                facts = f"{counted(one.pages, 'page')} · {counted(one.chunks, 'passage')} · {day(one.added_at)}"
                if totals.collections > 1:
                    facts += f" · in {escape_markdown(one.collection)}"
                name = escape_markdown(shortened(one.name, 60))
                st.markdown(f":material/description: **{name}**  \n:gray[:small[{facts}]]")
        st.page_link(COLLECTIONS, label="All documents", icon=":material/library_books:")
    elif not totals.unfinished:
        with st.grid(3, min_column_width=200):
            for icon, title, words in STEPS:
                with st.container(border=True, height="stretch", gap="xsmall"):
                    st.markdown(f"{icon} **{title}**")
                    st.caption(words)
        st.subheader("Start here", anchor=False)
        st.markdown(
            "The sample documents are about a made-up company: its annual report, a supply agreement, a credit "
            "facility and an earnings call. Or bring your own."
        )
        with st.container(horizontal=True):
            if sample_files() and st.button("Try the sample documents", type="primary", icon=":material/science:"):
                remember(workspace.settings.collection, hand_in(workspace, sample_files()))
                st.rerun()
            if st.button("Upload documents", icon=":material/upload_file:"):
                st.switch_page(UPLOAD)

    if totals.failed:
        st.warning(f"{counted(totals.failed, 'document')} could not be indexed.", icon=":material/warning:")
        st.page_link(COLLECTIONS, label="See why", icon=":material/arrow_forward:")
