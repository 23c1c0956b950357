"""Asking on the Ask page: questions to begin with, and the answer as it comes."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from rag.errors import RagError
from rag.records import AnswerPiece, Exchange
from rag.workspace import Workspace, where_of
from ui.text import answer_markdown, escape_markdown
from ui.turns import Turn


def offer(examples: Sequence[str]) -> None:
    """Questions to begin with; the chosen one is the session's `example`."""
    if examples:
        st.markdown("**Try one of these.** The last one has no answer in the documents.")
    for number, example in enumerate(examples):
        st.button(
            escape_markdown(example),
            key=f"example-{number}",
            icon=":material/chat_bubble:",
            on_click=st.session_state.__setitem__,
            args=("example", example),
        )


def ask(workspace: Workspace, turn: Turn, before: Sequence[Turn]) -> None:
    """Answer a turn, drawing the answer as it comes; a question that depends on those `before` it, of the
    same collection, is completed.

    The turn is already part of the history, and in a state that can be drawn at any time, so that whatever
    interrupts this, a stop or another click, leaves a history that is whole.
    """
    place = st.empty()
    place.markdown(":shimmer[Looking through the documents…]")
    numbers = range(1, turn.search.passages + 1)
    turn.answer, turn.error, turn.partial = None, "", ""
    # What another collection was asked is no part of this conversation, and none of a language model's business.
    same = [one for one in before if one.search.collection == turn.search.collection]
    conversation = [Exchange(one.answer.searched or one.question, one.answer.text) for one in same if one.answer]
    given = (
        turn.search.passages,
        where_of(turn.search),
        turn.search.collection,
        () if turn.literally else conversation,
    )
    try:
        for one in workspace.ask_stream(turn.question, *given):
            if isinstance(one, AnswerPiece):
                turn.partial = one.text if one.restart else turn.partial + one.text
                if workspace.settings.llm and turn.partial:
                    place.markdown(answer_markdown(turn.partial, numbers) + " ▌")
            else:
                turn.answer = one
    except RagError as error:
        turn.error = str(error)
    place.empty()
