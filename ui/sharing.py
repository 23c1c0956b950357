"""What stands beside an answer: what was searched for, and the answer to be copied, or saved with what it rests on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Literal

import streamlit as st

from rag.records import Answer, Asked
from rag.workspace import Workspace, answer_markdown, answer_text
from ui.text import escape_markdown
from ui.turns import Turn

TEXT, MARKDOWN = "Text", "Markdown"
LONGEST_NAME = 60
"""Characters of a question in the name of a file."""


def draw_searched(searched: str, key: str) -> bool:
    """What a follow-up question became. True if the reader wants just what was typed instead."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f":material/search: Searched for: **{escape_markdown(searched)}**", width="content")
        return st.button(
            "Search for what I typed",
            key=f"literally-{key}",
            type="tertiary",
            help="To have another question searched for, ask it in full.",
        )


@st.fragment
def copy_button(answer: Answer, key: str) -> None:
    """The answer as text or as Markdown with its footnotes, in a box that copies it."""
    box = st.popover("Copy", icon=":material/content_copy:", type="tertiary", key=f"copy-{key}", on_change="rerun")
    if not box.open:  # what is closed is not drawn: a long conversation has many
        return
    with box:
        how = st.segmented_control(
            "As what to copy it",
            (TEXT, MARKDOWN),
            default=TEXT,
            required=True,
            key=f"copy-as-{key}",
            label_visibility="collapsed",
        )
        st.caption("With the documents and pages of its footnotes. The button at the corner copies it.")
        if how == MARKDOWN:
            st.code(answer_markdown(answer), language="markdown", wrap_lines=True, height=280)
        else:
            st.code(answer_text(answer), language=None, wrap_lines=True, height=280)


def save_button(workspace: Workspace, turns: Sequence[Turn], key: str, whole: bool = False) -> None:
    """What was asked and answered, to be saved with what it rests on; `whole` if it is all of a conversation.

    A file is made when its button is clicked, of what the turns are by then; until it is there the button turns.
    """
    what = "The conversation" if whole else "The answer"
    kind: Literal["secondary", "tertiary"] = "secondary" if whole else "tertiary"
    name = f"evidence-{date.today().isoformat() if whole else _slug(_completed(turns[0]))}"
    with st.popover("Save all" if whole else "Save", icon=":material/download:", type=kind, key=f"save-{key}"):
        st.caption(
            f"{what} and what it rests on: each quote with its document, page and place, the images of the pages with "
            "the quoted words boxed, the documents’ hashes, settings and versions."
        )
        with st.container(horizontal=True, gap="small"):
            st.download_button(
                "Evidence pack",
                data=lambda: workspace.evidence(_asked(turns)),
                file_name=f"{name}.html",
                mime="text/html",
                key=f"evidence-{key}",
                on_click="ignore",
                icon=":material/verified:",
                help="One file that opens in any browser, without a network and without Footnote. Making it takes some "
                "seconds.",
            )
            st.download_button(
                "Markdown",
                data=lambda: workspace.evidence_markdown(_asked(turns)),
                file_name=f"{name}.md",
                mime="text/markdown",
                key=f"markdown-{key}",
                on_click="ignore",
                icon=":material/markdown:",
                help="The same as text, without the images",
            )


def _asked(turns: Sequence[Turn]) -> list[Asked]:
    return [Asked(one.question, one.search, one.answer, at=one.at) for one in turns]


def _completed(turn: Turn) -> str:
    """What was searched for, where a follow-up question was completed: on its own it would not say what it is."""
    return (turn.answer.searched if turn.answer else "") or turn.question


def _slug(question: str) -> str:
    """A part of a file's name: letters and digits only, whatever was asked."""
    words = "-".join(re.findall(r"[^\W_]+", question.lower()))
    return words[:LONGEST_NAME].strip("-") or "answer"
