"""Who answers in this session, and what is sent where for it."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from rag.records import QUOTING, ModelChoice
from rag.settings import Settings
from rag.workspace import Answerer, Workspace
from ui.text import escape_markdown, shortened

CHOICE = "model_choice"
"""The session's ModelChoice, if one was made."""


def choice_of(workspace: Workspace) -> ModelChoice | None:
    """What was chosen in this session, where it may be."""
    choice: ModelChoice | None = st.session_state.get(CHOICE)
    return choice if workspace.settings.model_may_be_chosen else None


def answerer_of(workspace: Workspace, collection: str) -> Answerer:
    """Who answers questions on a collection in this session: whom the reader has chosen, else its champion's, else who
    answers everybody. What is chosen is kept with its key in the session and nowhere else."""
    choice = choice_of(workspace)
    if choice is None:
        return workspace.answered_by(collection)[0]
    of, made_for, answerer = st.session_state.get("answerer", (None, None, None))
    if of is not workspace or made_for != choice or answerer is None:
        answerer = workspace.answerer_for(choice)
        st.session_state["answerer"] = (workspace, choice, answerer)
    made: Answerer = answerer
    return made


def what_leaves(settings: Settings) -> str:
    """Who writes the answers and what is sent where for it, in Markdown."""
    if not settings.llm:
        return "Answers are quoted word for word; nothing is sent anywhere."
    return f"Passages and the conversation are sent to {escape_markdown(sent_to(settings))}, which writes the answer."


def changed_since(workspace: Workspace, collection: str, before: str) -> str:
    """That another writes the next answer than wrote the last one, `before`, in Markdown; empty if not. A choice of the
    session ends when the page is loaded anew, for its key is kept nowhere."""
    now = answerer_of(workspace, collection).settings.llm
    if before in (QUOTING, now) or not workspace.settings.model_may_be_chosen:
        return ""
    next_one = f"{escape_markdown(now)} writes the next" if now else "the next will be quoted"
    return f"The last answer was written by {escape_markdown(before)}; {next_one}. The button at the top changes that."


def sent_to(settings: Settings) -> str:
    """The model that is set, and its server's name, without a password that the address may have."""
    host = urlsplit(settings.llm_base_url).netloc.rpartition("@")[2] if settings.llm_base_url else ""
    return shortened(settings.llm, 60) + (f" at {shortened(host, 60)}" if host else "")
