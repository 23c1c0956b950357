"""How it is told that a passage was edited by hand, and what its page says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from rag.records import Citation
from rag.workspace import beside
from ui.passages import Passage, plain_html
from ui.text import day, escape_markdown

SAID, MORE = 260, 40
"""Characters shown of what a page says where there is little room: so many at most, so many more than are quoted."""


def badge(edited: datetime) -> str:
    """For captions: that it was edited, and when."""
    return f":orange-badge[:material/edit: Edited by hand {day(edited.astimezone())}]"


def page_says(text: str, printed: str) -> str:
    """What a page says where a passage was edited, and something else is read or quoted of it."""
    if not printed:
        return "Its document has been deleted since."
    if " ".join(text.split()) in " ".join(printed.split()):
        return "The page has these words too."
    return f"The page says: “{escape_markdown(beside(text, printed, min(SAID, len(text) + MORE)))}”"


def draw_edited(citations: Sequence[Citation]) -> None:
    """Of the footnotes whose passages were edited, what their pages say."""
    for one in citations:
        if one.edited:
            st.caption(rf"**\[{one.number}\]** {badge(one.edited)} {page_says(one.quote, one.printed)}")


def tell_edited(passage: Passage, printed: str) -> None:
    """That a passage was edited, and what it says since: above its page, and in sight however that is moved."""
    if passage.edited is None:
        return
    otherwise = "the page has these words too" if _on_page(passage, printed) else "the page says otherwise"
    when = day(passage.edited.astimezone())
    st.markdown(f":orange[:material/edit:] **This passage was edited by hand on {when}; {otherwise}.** It says now:")
    st.html(plain_html(passage.text, height="5.5rem"))


def tell_printed(passage: Passage, printed: str) -> None:
    """What the page says where a passage was edited, as text."""
    if passage.edited and printed and not _on_page(passage, printed):
        st.caption("What the page says there, as it was read:")
        st.html(plain_html(printed, height="9rem"))


def _on_page(passage: Passage, printed: str) -> bool:
    return " ".join(passage.text.split()) in " ".join(printed.split())
