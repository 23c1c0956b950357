"""Where the pages are, and the addresses within them."""

from __future__ import annotations

import streamlit as st

from rag.records import Collection
from rag.workspace import Workspace

HOME, UPLOAD, ASK, COLLECTIONS = "streamlit_app.py", "pages/1_Upload.py", "pages/2_Ask.py", "pages/3_Collections.py"
EXPERIMENTS = "pages/4_Experiments.py"


def offer_upload(workspace: Workspace, collection: Collection) -> None:
    """A link from an empty collection to where documents are put into it; none where that cannot be done."""
    if not workspace.settings.demo and collection.linked is None:
        st.page_link(
            UPLOAD,
            label="Upload documents",
            icon=":material/upload_file:",
            query_params={"collection": collection.name},
        )


def link_to_document(collection: str, document: str, label: str) -> None:
    """A link that opens a document on the Collections page. `label` is Markdown."""
    st.page_link(
        COLLECTIONS,
        label=label,
        icon=":material/arrow_forward:",
        query_params={"collection": collection, "document": document},
    )


def link_to_reembedding(collection: str) -> None:
    """A link to where a collection is made in another way. A collection's name is data, so the label names none."""
    st.page_link(
        COLLECTIONS,
        label="Re-embed it",
        icon=":material/model_training:",
        query_params={"collection": collection, "view": "Upkeep"},
    )
