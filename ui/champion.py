"""Which configuration answers on the Ask page, where one was promoted."""

from __future__ import annotations

import streamlit as st

from rag.workspace import Workspace
from ui.text import escape_markdown

_WHY = (
    "Several ways of finding passages were compared on a set of questions, and this one was chosen for the collection: "
    "how many passages are found, how much words and meaning count, and whether the best are read again."
)


def draw_champion(workspace: Workspace, collection: str) -> None:
    """Say that somebody chose how passages are found here, or why that does not count; nothing where nobody has."""
    configuration, why_not = workspace.answers_with(collection)
    if why_not:
        st.caption(f":material/info: {escape_markdown(why_not)}")
    elif configuration is not None and (promotion := workspace.champion(collection)) is not None:
        when = f"{promotion.at.day} {promotion.at:%B %Y}"
        st.caption(f":material/trophy: Passages are found in the way that was chosen on {when}.", help=_WHY)
