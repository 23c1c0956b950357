"""Where question sets come from: a file, the rows that readers made on the Ask page, an example."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import streamlit as st

from rag.records import Gold
from rag.workspace import Understood, Workspace, to_rows, understood
from ui.dialogs import close_dialog, open_dialog
from ui.door import reader
from ui.errors import friendly_errors
from ui.experiments.address import SET, look_at
from ui.shell import say
from ui.text import counted, escape_markdown, shortened

PREVIEWED = 50
NAMED = 5
"""Columns that are left out, by their names."""
COLUMNS: dict[str, Any] = {
    "question": st.column_config.TextColumn("Question", width=320, required=True),
    "expected_answer": st.column_config.ListColumn(
        "Expected answer", width=180, help="Wordings of the answer, any of which will do."
    ),
    "document": st.column_config.TextColumn("Document", width=160, help="The name of the one that has the answer."),
    "page": st.column_config.ListColumn("Pages", width=70, help="Where in the document, from 1."),
    "quote": st.column_config.ListColumn("Quotes", width=200, help="Passages that answer, word for word."),
    "tags": st.column_config.ListColumn("Tags", width=110),
    "answerable": st.column_config.CheckboxColumn(
        "Answerable", width=90, default=True, help="Unticked: no document has the answer, and to say so is right."
    ),
}
TYPES = ["csv", "tsv", "jsonl", "ndjson", "json", "xlsx"]
EXAMPLE = (
    "question,expected_answer,document,page,quote,tags,answerable\n"
    "What dividend per share is proposed?,EUR 0.31,tarnholt-annual-report-2025.pdf,3,,figures,true\n"
    "When was the bridge mended?,in 1911,town-report.docx,,The bridge was mended in 1911.,dates;easy,true\n"
    "Which vaccines are recommended for Brazil?,,,,,not in the documents,false\n"
)
_MISSING = (
    ("answers", "No expected answers: how good answers are cannot be measured, only what is found."),
    ("document", "No documents and no quotes: what is found cannot be measured."),
    ("pages", "No pages: what is found is measured by its document alone."),
    ("tags", "No tags: questions cannot be looked at in groups."),
)


def offer_new(workspace: Workspace, names: Sequence[str]) -> None:
    """What makes a set, or a new version of one."""
    with st.container(horizontal=True):
        st.button(
            "Upload questions",
            icon=":material/upload_file:",
            type="secondary" if names else "primary",
            on_click=open_dialog,
            args=(upload, workspace),
        )
        st.button(
            "Make one from feedback",
            icon=":material/rate_review:",
            on_click=open_dialog,
            args=(from_feedback, workspace),
            help="Of your evaluation set, and of the answers and sources that you have judged, on the Ask page",
        )
        st.download_button(
            "Example file",
            EXAMPLE,
            "example-questions.csv",
            "text/csv",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
        )


@st.dialog("Upload questions", icon=":material/upload_file:", width="large", on_dismiss=close_dialog)
def upload(workspace: Workspace) -> None:
    """Ask for a file, show what was understood and what is missing, then keep it."""
    with friendly_errors():
        st.caption(
            "A table with a column `question`; as far as you have them also `expected_answer`, `document`, `page`, "
            "`quote`, `tags` and `answerable`. What is missing is not measured."
        )
        file = st.file_uploader("CSV, JSONL or XLSX", TYPES, key="experiments-file")
        if file is None:
            return
        found = understood(file.getvalue(), file.name)
        _preview(found)
        _keep(workspace, found.questions, PurePath(file.name).stem[:80])


@st.dialog("Make a question set from feedback", icon=":material/rate_review:", width="large", on_dismiss=close_dialog)
def from_feedback(workspace: Workspace) -> None:
    """Show what the reader has put into the evaluation set and judged, then keep it as a set."""
    with friendly_errors():
        collections = workspace.judged_collections(reader())
        chosen = collections[0] if collections else ""
        if len(collections) > 1:
            chosen = st.selectbox("Asked in", collections, key="feedback-collection")
        questions = workspace.questions_from_readers(reader(), chosen)
        if not questions:
            st.markdown(
                "You have not put a question into the evaluation set yet, and have judged no answer. Both are done on "
                "the Ask page, below an answer: its question goes in with the answer and passage that you confirm."
            )
            return
        if reader():
            st.caption("These are your own: what others ask and judge is theirs. A set that is kept is everybody’s.")
        _preview(Understood(tuple(questions)))
        _keep(workspace, questions, "From feedback")


def _preview(found: Understood) -> None:
    """What was understood, what was left out, and what is missing."""
    questions = found.questions
    st.markdown(f"**{counted(len(questions), 'question')} understood.**")
    _left_out(found)
    located = any(one.document or one.quotes for one in questions)
    known = {
        "answers": any(one.answers for one in questions),
        "document": located,
        "pages": not located or any(one.pages or one.quotes for one in questions),
        "tags": any(one.tags for one in questions),
    }
    for what, words in _MISSING:
        if not known[what]:
            st.caption(f":material/info: {words}")
    rows = [row | {"page": [str(page) for page in row["page"]]} for row in to_rows(questions[:PREVIEWED])]
    st.dataframe(
        rows,
        column_config=COLUMNS,
        hide_index=True,
        height=240,
        placeholder="–",
        alt="The first questions, as they were understood",
    )
    if len(questions) > PREVIEWED:
        st.caption(f"The first {PREVIEWED} of them.")


def _left_out(found: Understood) -> None:
    if found.without:
        has = "row has" if found.without == 1 else "rows have"
        st.caption(f":orange[:material/warning:] {found.without:,} {has} no question, and will be left out.")
    if found.ignored:
        names = ", ".join(f"“{escape_markdown(shortened(one, 40))}”" for one in found.ignored[:NAMED])
        more = f" and {len(found.ignored) - NAMED:,} more" if len(found.ignored) > NAMED else ""
        columns, are = ("column", "is") if len(found.ignored) == 1 else ("columns", "are")
        st.caption(
            f":orange[:material/warning:] The {columns} {names}{more} {are} of no name that is known here, and will be "
            "left out. The names above are."
        )


def _keep(workspace: Workspace, questions: Sequence[Gold], name: str) -> None:
    with st.form("keep-set", border=False):
        given = st.text_input("Its name", name, max_chars=100, key=f"set-name-{name}")
        there = {one.name for one in workspace.question_sets()}
        st.caption("Under the name of a set that is there, it becomes that set's newest version.")
        pressed = st.form_submit_button("Keep", type="primary", icon=":material/check:")
    if pressed:
        kept = workspace.keep_questions(given or "", questions)
        look_at(SET, kept.name)
        close_dialog()
        say(f"{'A new version of' if kept.name in there else 'Kept'} {escape_markdown(kept.name)}.")
        st.rerun()
