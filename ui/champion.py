"""Which configuration answers on the Ask page, where one was promoted."""

from __future__ import annotations

import streamlit as st

from rag.records import Promotion
from rag.workspace import Workspace
from ui.answerers import choice_of, sent_to
from ui.experiments.words import apart
from ui.places import link_to_reembedding
from ui.text import day, escape_markdown

_WHY = (
    "Several ways of finding passages and answering were compared on a set of questions, and this one was chosen for "
    "the collection."
)


def draw_champion(workspace: Workspace, collection: str) -> None:
    """Say how somebody chose that passages are found and who answers here, and why the champion does not, if it does
    not; nothing where nobody has."""
    promotion, why_not = workspace.answering(collection)
    if promotion is None:
        if why_not:
            _tell(workspace, collection, f":material/info: {escape_markdown(why_not)}", waits=True)
        return
    configuration = promotion.configuration
    answerer, not_theirs = workspace.answerer_named(configuration)
    what = "Passages are found"
    if configuration.answerer and not not_theirs and choice_of(workspace) is None:
        llm = answerer.settings.llm
        what += f" and answers written by {escape_markdown(sent_to(answerer.settings))}" if llm else " and quoted"
    until = ", until the collection is re-embedded for its new champion" if why_not else ""
    _tell(
        workspace,
        collection,
        f":material/trophy: {what} in the way that {_who(promotion)} on {day(promotion.at.astimezone())}{until}.",
        f"{_WHY}\n\n{_way(workspace, collection, promotion)}",
        waits=bool(why_not),
    )
    if not_theirs:
        st.caption(f":material/info: {escape_markdown(not_theirs)}")


def _tell(workspace: Workspace, collection: str, said: str, more: str | None = None, waits: bool = False) -> None:
    """A line, and where a champion waits for passages that are made otherwise, the way there."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(said, help=more)
        if waits and not workspace.settings.demo:
            link_to_reembedding(collection)


def _who(promotion: Promotion) -> str:
    return f"{escape_markdown(promotion.by)} chose" if promotion.by else "was chosen"


def _way(workspace: Workspace, collection: str, promotion: Promotion) -> str:
    """In what it is other than what is set."""
    other = apart(promotion.configuration, workspace.configuration(collection))
    return f"Other than what is set: {escape_markdown(other)}." if other else "It is all as it is set."
