"""Asking on the Ask page: questions to begin with, and the answer as it comes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rag.errors import RagError
from rag.records import Answer, Exchange, TracedAs
from rag.workspace import Workspace, live, where_of
from ui.answerers import answerer_of
from ui.door import reader
from ui.stopping import drawn_anew_if_stopped
from ui.text import answer_markdown, escape_markdown
from ui.turns import Turn
from ui.waiting import Waiting


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


def ask(workspace: Workspace, turn: Turn, before: Sequence[Turn], place: DeltaGenerator) -> None:
    """Answer a turn, drawing the answer as it comes at `place`, an `st.empty()`, where the whole is to be drawn
    afterwards; a question that depends on those `before` it, of the same collection, is completed.

    The turn is already part of the history, and in a state that can be drawn at any time, so that whatever
    interrupts this, a stop or another click, leaves a history that is whole. Either ends the work within a moment.
    """
    turn.answer, turn.error, turn.partial = None, "", ""
    turn.at = datetime.now(UTC)  # also where it is asked again
    answerer = answerer_of(workspace, turn.search.collection)
    model = answerer.settings.llm
    with place.container():
        words, below = st.empty(), st.empty()
    waiting = Waiting(below, model)
    waiting.draw(writing=False)
    # What another collection was asked is no part of this conversation, and none of a language model's business.
    same = [one for one in before if one.search.collection == turn.search.collection]
    conversation = [Exchange(one.answer.searched or one.question, one.answer.text) for one in same if one.answer]
    given = (
        turn.search.passages,
        where_of(turn.search),
        turn.search.collection,
        () if turn.literally else conversation,
        answerer,
        waiting.begin,
        None,  # the champion's configuration, if there is one
        TracedAs(turn.id, reader()),
    )
    numbers = range(1, turn.search.passages + 1)
    try:
        start = partial(workspace.ask_stream, turn.question, *given)
        with drawn_anew_if_stopped(waiting.stopped), closing(live(workspace.settings.ask_timeout, start)) as stream:
            for one in stream:
                if isinstance(one, Answer):
                    turn.answer = one
                elif one is not None:
                    turn.partial = one.text if one.restart else turn.partial + one.text
                    if model and turn.partial:
                        words.markdown(answer_markdown(turn.partial, numbers) + " ▌")
                    elif model:
                        words.empty()
                waiting.draw(writing=bool(model and turn.partial))
    except RagError as error:
        turn.error = str(error)
