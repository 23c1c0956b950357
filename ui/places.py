"""Where the pages are, and the addresses within them."""

from __future__ import annotations

import streamlit as st

HOME, UPLOAD, ASK, COLLECTIONS = "streamlit_app.py", "pages/1_Upload.py", "pages/2_Ask.py", "pages/3_Collections.py"
EXPERIMENTS = "pages/4_Experiments.py"


def link_to_document(collection: str, document: str, label: str) -> None:
    """A link that opens a document on the Collections page. `label` is Markdown."""
    st.page_link(
        COLLECTIONS,
        label=label,
        icon=":material/arrow_forward:",
        query_params={"collection": collection, "document": document},
    )
