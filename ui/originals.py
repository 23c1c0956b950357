"""The file that a document was made from, to be opened beside what was read of it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from rag.records import Document
from rag.workspace import Workspace


def download_button(workspace: Workspace, document: Document, where: str) -> None:
    """Hands the file out as it came in. Its bytes are read when the button is clicked. `where` on the page it is."""
    st.download_button(
        "Download the original",
        data=partial(workspace.original, document),
        file_name=document.name,
        mime="application/octet-stream",  # never shown by the browser: an HTML file would run on this very address
        key=f"original-{where}",
        on_click="ignore",
        icon=":material/download:",
    )
