"""What stands beside an answer: what was searched for, and the answer to be copied."""

from __future__ import annotations

import streamlit as st

from rag.records import Answer
from rag.workspace import answer_markdown
from ui.text import escape_markdown


def draw_searched(searched: str, key: str) -> bool:
    """What a follow-up question became. True if the reader wants just what was typed instead."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f":material/search: Searched for: **{escape_markdown(searched)}**", width="content")
        return st.button(
            "Search for what I typed",
            key=f"literally-{key}",
            type="tertiary",
            help="To have another question searched for, ask it in full.",
        )


def copy_button(answer: Answer, key: str) -> None:
    """The answer as Markdown with its footnotes, in a box that copies it."""
    with st.popover("Copy", icon=":material/content_copy:", type="tertiary", key=f"copy-{key}"):
        st.caption("Markdown with footnotes that name the document and page. The button at its corner copies it.")
        st.code(answer_markdown(answer), language="markdown", wrap_lines=True, height=280)
