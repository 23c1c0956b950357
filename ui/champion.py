"""Which configuration answers on the Ask page, where one was promoted."""

from __future__ import annotations

import streamlit as st

from rag.workspace import Workspace
from ui.answerers import choice_of, sent_to
from ui.text import escape_markdown

_WHY = (
    "Several ways of finding passages and answering were compared on a set of questions, and this one was chosen for "
    "the collection: how many passages are found, how much words and meaning count, whether the best are read again, "
    "and who answers, if that was compared as well."
)


def draw_champion(workspace: Workspace, collection: str) -> None:
    """Say that somebody chose how passages are found and who answers here, or why that does not count; nothing where
    nobody has."""
    configuration, why_not = workspace.answers_with(collection)
    if why_not:
        st.caption(f":material/info: {escape_markdown(why_not)}")
    elif configuration is not None and (promotion := workspace.champion(collection)) is not None:
        answerer, not_theirs = workspace.answerer_named(configuration)
        what = "Passages are found"
        if configuration.answerer and not not_theirs and choice_of(workspace) is None:
            llm = answerer.settings.llm
            what += f" and answers written by {escape_markdown(sent_to(answerer.settings))}" if llm else " and quoted"
        when = f"{promotion.at.day} {promotion.at:%B %Y}"
        st.caption(f":material/trophy: {what} in the way that was chosen on {when}.", help=_WHY)
        if not_theirs:
            st.caption(f":material/info: {escape_markdown(not_theirs)}")
