"""An answer on the Ask page: its text, its footnotes, and what can be done with it, now and after any rerun."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from rag.records import QUOTING, Abstention, Answer, Citation
from rag.workspace import Workspace
from ui.answerers import answerer_of
from ui.edited import draw_edited
from ui.errors import friendly_errors
from ui.feedback import draw_feedback
from ui.labels import label
from ui.latency import latency
from ui.ledger import draw_checked, draw_ledger
from ui.overviews import draw_overview
from ui.passages import cited
from ui.sharing import copy_button, draw_searched, save_button
from ui.sources import draw_sources
from ui.talk import drop
from ui.text import answer_markdown, escape_markdown, message_markdown, quoted_html
from ui.turns import Turn
from ui.viewer import open_viewer
from ui.waiting import STOPPED


def draw(workspace: Workspace, turn: Turn) -> bool:
    """Draw the answer of a turn. True if the reader wants it asked again."""
    if turn.answer is None:
        return _draw_unanswered(workspace, turn)
    answer = turn.answer
    if answer.searched not in ("", turn.question.strip()) and draw_searched(answer.searched, turn.key):
        turn.literally = True
        return True
    if answer.overview is not None:
        draw_overview(answer.overview, answer, turn.search.collection, turn.key)
        _draw_actions(workspace, turn, answer)
        return False
    if answer.notice:
        st.warning(message_markdown(answer.notice), icon=":material/info:")
    if answer.abstained:
        _draw_abstention(answer)
    elif answer.model == QUOTING:
        st.html(quoted_html(answer.text, answer.citations))
    else:
        draw_checked(answer, {one.number for one in answer.citations})
    _draw_footnotes(turn, answer.citations)
    draw_ledger(answer, turn.search.collection, turn.key)
    draw_sources(workspace, turn, answer)
    _draw_actions(workspace, turn, answer)
    # A language model that failed was replaced by quoting.
    replaced = answer.model == QUOTING and bool(answer.notice)
    failed = replaced and bool(answerer_of(workspace, turn.search.collection).settings.llm)
    return failed and st.button("Ask again", key=f"again-{turn.key}", icon=":material/refresh:")


def _draw_actions(workspace: Workspace, turn: Turn, answer: Answer) -> None:
    """What can be done with an answer, in a row below it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        if not answer.abstained:
            with st.container(width="content"):
                copy_button(answer, turn.key)
        save_button(workspace, [turn], turn.key)
        draw_feedback(workspace, turn)
        latency(answer, turn.key)


def _draw_unanswered(workspace: Workspace, turn: Turn) -> bool:
    if turn.partial:
        st.markdown(answer_markdown(turn.partial, ()))
    if turn.error:
        st.error(message_markdown(turn.error), icon=":material/error:")
    else:
        st.caption(STOPPED)
    with st.container(horizontal=True):
        st.button(
            "Edit the question",
            key=f"edit-{turn.key}",
            icon=":material/edit:",
            on_click=_edit,
            args=(workspace, turn),
        )
        return st.button("Ask again", key=f"again-{turn.key}", icon=":material/refresh:")


def _edit(workspace: Workspace, turn: Turn) -> None:
    """Put a question back into the box it came from."""
    st.session_state["question"] = turn.question
    with friendly_errors():
        drop(workspace, turn)


def _draw_abstention(answer: Answer) -> None:
    if answer.abstention is Abstention.NEAR_MISS:
        advice = "Read the closest passages below, or ask in other words."
    elif answer.abstention is Abstention.SEVERAL_DOCUMENTS:
        advice = "Or choose it under “Where to look”."
    elif answer.hits:
        advice = "Ask in other words, search in more documents, or upload the one that has the answer."
    else:
        advice = "No passage was found. Search in more documents, or upload the one that has the answer."
    st.info(f"**{escape_markdown(answer.text)}** {advice}", icon=":material/search_off:")


def _draw_footnotes(turn: Turn, citations: Sequence[Citation]) -> None:
    passages = [cited(one, turn.search.collection) for one in citations]
    with st.container(horizontal=True, gap="xsmall"):
        for at, one in enumerate(citations):
            edited = " :orange[· edited]" if one.edited else ""
            shown = rf"**\[{one.number}\]** {label(one.name, one.page)}{edited}"
            st.button(
                shown, key=f"footnote-{turn.key}-{one.number}", wrap=True, on_click=open_viewer, args=(passages, at)
            )
    draw_edited(citations)
