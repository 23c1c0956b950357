"""The sources of an answer: the passages it was made from, or those that come closest."""

from __future__ import annotations

import streamlit as st

from rag.records import QUOTING, Abstention, Answer, Hit
from rag.workspace import Workspace
from ui.dialogs import run_page_if_asked
from ui.edited import badge, page_says
from ui.feedback import draw_relevance
from ui.labels import heading_path, label
from ui.passages import found
from ui.text import counted, escape_markdown
from ui.turns import Turn
from ui.viewer import open_viewer
from ui.why import ALIKE, FUSION, why_button

LONGEST_HEADING = 200
"""Characters: the names of a wide table's columns are many."""


def draw_sources(workspace: Workspace, turn: Turn, answer: Answer) -> None:
    """Those of an answer, folded away. What is folded is not drawn: a long conversation has hundreds."""
    if answer.hits:
        _draw(workspace, turn, answer)


@st.fragment
def _draw(workspace: Workspace, turn: Turn, answer: Answer) -> None:
    run_page_if_asked()
    title = counted(len(answer.hits), "closest passage" if answer.abstained else "source")
    passages = [found(hit, turn.search.collection) for hit in answer.hits]
    near = answer.abstention is Abstention.NEAR_MISS
    with st.expander(title, expanded=near, key=f"sources-{turn.key}", on_change="rerun") as box:
        if not box.open:
            return
        st.caption(_made_by(answer), help=f"{FUSION} “Alike” is one of these: {ALIKE[:1].lower()}{ALIKE[1:]}")
        why_button(workspace, turn, answer)
        for index, hit in enumerate(answer.hits):
            with st.container(gap="xxsmall"):
                st.button(
                    f"{_quoted_as(hit, answer)}**{label(hit.name, hit.chunk.page)}**",
                    key=f"hit-{turn.key}-{index}",
                    type="tertiary",
                    icon=":material/article:",
                    on_click=open_viewer,
                    args=(passages, index),
                )
                if hit.chunk.heading:
                    st.caption(f"**{heading_path(hit.chunk.heading, LONGEST_HEADING)}**")
                edited = f"{badge(hit.chunk.edited)} " if hit.chunk.edited else ""
                st.caption(f"{edited}{how_found(hit)} · {_snippet(hit.text)}")
                if hit.chunk.edited:
                    st.caption(page_says(hit.text, workspace.printed(turn.search.collection, hit.chunk)))
                draw_relevance(workspace, turn, hit)


def _quoted_as(hit: Hit, answer: Answer) -> str:
    """The numbers of the footnotes that are from a source, for a label."""
    start, end = hit.span
    numbers = [
        one.number
        for one in answer.citations
        if one.document == hit.chunk.document_id and one.start < end and one.end > start
    ]
    return "".join(rf":blue[**\[{one}\]**] " for one in numbers)


def how_found(hit: Hit) -> str:
    """By what a passage was found, and how near it is to the question."""
    alike = f"{hit.scores.get('dense', hit.score):.0%} alike"
    return f"found by its words · {alike}" if "lexical" in hit.ranks and "dense" not in hit.ranks else alike


def _snippet(text: str) -> str:
    flat = " ".join(text.split())
    return escape_markdown(flat if len(flat) <= 280 else f"{flat[:280].rstrip()}…")


def _made_by(answer: Answer) -> str:
    if answer.abstained:
        return "What comes closest to the question, best first. None of it was taken for an answer."
    if answer.model == QUOTING:
        if any(one.edited for one in answer.citations):
            return "The answer is quoted from these passages, best first, of which some were edited by hand."
        return "The answer is quoted word for word from these passages, best first."
    return f"Written by {escape_markdown(answer.model)} from these passages, best first. Check the footnotes."
