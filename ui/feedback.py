"""What a reader thinks of an answer and its sources. A click draws only what is round it anew, and stops no answer."""

from __future__ import annotations

import streamlit as st

from rag.records import Hit
from rag.workspace import LONGEST_NOTE, Workspace
from ui.dialogs import run_page_if_asked
from ui.errors import friendly_errors
from ui.evaluation import offer_evaluation
from ui.talk import talk
from ui.turns import Turn

_THUMBS = {0: -1, 1: 1, None: 0}
_RELEVANT = {":material/check: Relevant": 1, ":material/close: Not relevant": -1}


def draw_feedback(workspace: Workspace, turn: Turn) -> None:
    """Thumbs for an answer, and more: a note, and the evaluation set."""
    if not workspace.settings.demo:
        _answer(workspace, turn)


@st.fragment
def _answer(workspace: Workspace, turn: Turn) -> None:
    run_page_if_asked()
    given = talk().feedback.get((turn.id, ""))
    more = "Feedback" + " · noted" * bool(given and given.note) + " · in the set" * (turn.id in talk().evaluation)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.feedback(
            "thumbs",
            key=f"thumbs-{turn.key}",
            default=None if given is None else int(given.value > 0),
            on_change=_thumb,
            args=(workspace, turn),
        )
        box = st.popover(
            more,
            icon=":material/rate_review:",
            type="tertiary",
            key=f"feedback-{turn.key}",
            on_change="rerun",
        )
    if box.open:
        with box, friendly_errors():
            _note(workspace, turn)
            offer_evaluation(workspace, turn)


def _thumb(workspace: Workspace, turn: Turn) -> None:
    value = _THUMBS[st.session_state[f"thumbs-{turn.key}"]]
    given = talk().feedback.get((turn.id, ""))
    with friendly_errors():
        _judge(workspace, turn, value, given.note if given else "")


def _note(workspace: Workspace, turn: Turn) -> None:
    given = talk().feedback.get((turn.id, ""))
    if given is None:
        st.caption("A thumb up or down says whether the answer is good. To that you can add a note.")
        return
    with st.form(f"note-{turn.key}", border=False):
        note = st.text_area(
            "What is right or wrong with the answer?",
            given.note,
            max_chars=LONGEST_NOTE,
            height=90,
            key=f"noted-{turn.key}",
        )
        if st.form_submit_button("Save the note"):
            _judge(workspace, turn, given.value, note or "")
            st.rerun(scope="fragment")


def draw_relevance(workspace: Workspace, turn: Turn, hit: Hit) -> None:
    """Whether a source is relevant to the question; within a fragment."""
    if workspace.settings.demo:
        return
    given = talk().feedback.get((turn.id, hit.chunk.id))
    st.pills(
        "Is this passage relevant to the question?",
        list(_RELEVANT),
        default=next((words for words, value in _RELEVANT.items() if given and given.value == value), None),
        key=_key(turn, hit),
        label_visibility="collapsed",
        on_change=_relevance,
        args=(workspace, turn, hit),
    )


def _key(turn: Turn, hit: Hit) -> str:
    return f"relevant-{turn.key}-{hit.chunk.id}"


def _relevance(workspace: Workspace, turn: Turn, hit: Hit) -> None:
    with friendly_errors():
        _judge(workspace, turn, _RELEVANT.get(st.session_state[_key(turn, hit)], 0), hit=hit)


def _judge(workspace: Workspace, turn: Turn, value: int, note: str = "", hit: Hit | None = None) -> None:
    here = talk()
    given = workspace.judge(here.id, turn.kept, value, note if value else "", hit, here.owner)
    about = (turn.id, given.chunk)
    if value:
        here.feedback[about] = given
    else:
        here.feedback.pop(about, None)
