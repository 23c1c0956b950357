"""How it is told that a passage was edited by hand, and what its page says."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from rag.workspace import beside
from ui.passages import Passage, plain_html
from ui.text import day, escape_markdown

SAID = 260
"""Characters shown of what a page says where there is little room."""


def badge(edited: datetime) -> str:
    """For captions: that it was edited, and when."""
    return f":orange-badge[:material/edit: Edited {day(edited.astimezone())}]"


def page_says(text: str, printed: str) -> str:
    """What a page says where a passage was edited, and something else is read or quoted of it."""
    if not printed:
        return "Edited by hand; its document has been deleted since."
    if " ".join(text.split()) in " ".join(printed.split()):
        return "Edited by hand; these words are on the page too."
    return f"Edited by hand. The page says: “{escape_markdown(beside(text, printed, SAID))}”"


def draw_edited(passage: Passage, printed: str) -> None:
    """Above the page of a passage that was edited: both what it says now and what the page says."""
    if passage.edited is None:
        return
    when = day(passage.edited.astimezone())
    same = " ".join(passage.text.split()) in " ".join(printed.split())
    otherwise = "the page has these words too" if same else "the page says otherwise"
    with st.container(border=True, gap="xsmall", key="viewer-edited"):
        st.markdown(f":orange[:material/edit:] **This passage was edited by hand on {when}; {otherwise}.**")
        st.caption("What it says now")
        st.html(plain_html(passage.text))
        if printed and not same:
            st.caption("What the page says, boxed below" if passage.page else "What the page said")
            st.html(plain_html(printed))
