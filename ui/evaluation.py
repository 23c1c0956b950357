"""The evaluation set on the Ask page: a question with the answer that is expected, and where that stands."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from rag.records import Citation, EvaluationRow, Hit
from rag.workspace import Workspace, as_csv, as_jsonl, expected_of
from ui.dialogs import close_dialog, open_dialog
from ui.errors import friendly_errors
from ui.labels import place
from ui.talk import talk
from ui.text import counted
from ui.turns import Turn

NOWHERE = "In no document"


def offer_evaluation(workspace: Workspace, turn: Turn) -> None:
    """What opens the form for a turn, and the whole set, to be kept elsewhere."""
    there = turn.id in talk().evaluation
    rows = workspace.evaluation_rows(talk().owner)
    st.markdown(
        "**Evaluation set**",
        help="Questions with the answers you expect. With them it can be measured how good the answers are.",
    )
    words, icon = ("Change its row", ":material/edit:") if there else ("Add to the set", ":material/playlist_add:")
    with st.container(horizontal=True, gap="xsmall"):
        st.button(words, key=f"evaluate-{turn.key}", icon=icon, on_click=_open, args=(workspace, turn))
        if rows:
            _downloads(rows, turn)


def _open(workspace: Workspace, turn: Turn) -> None:
    open_dialog(evaluate, workspace, turn)
    st.session_state[f"feedback-{turn.key}"] = False  # what it was opened from closes


@st.dialog("Evaluation set", icon=":material/playlist_add_check:", on_dismiss=close_dialog)
def evaluate(workspace: Workspace, turn: Turn) -> None:
    """A form that makes a turn a row of the set, or changes that row."""
    row = talk().evaluation.get(turn.id)
    with friendly_errors():
        st.text((turn.answer.searched if turn.answer else "") or turn.question)  # as it goes into the row
        _form(workspace, turn, row)


def _form(workspace: Workspace, turn: Turn, row: EvaluationRow | None) -> None:
    places = _places(turn)
    names = [NOWHERE, *places]
    if row is not None:
        chosen = next((name for name, one in places.items() if _is_at(row, one)), NOWHERE)
    else:
        chosen = NOWHERE if turn.answer is None or turn.answer.abstained else names[-len(places)]
    with st.form(f"evaluation-{turn.key}", border=False):
        expected = st.text_area(
            "Expected answer",
            row.expected_answer if row else _expected(turn),
            height=110,
            key=f"expected-{turn.key}",
            help="Leave it empty if no document has the answer.",
        )
        where = st.selectbox(
            "Where it stands",
            names,
            index=names.index(chosen),
            key=f"where-{turn.key}",
        )
        tags = st.text_input(
            "Tags", ", ".join(row.tags) if row else "", placeholder="revenue, easy", key=f"tags-{turn.key}"
        )
        with st.container(horizontal=True):
            save = st.form_submit_button("Save", type="primary")
            remove = row is not None and st.form_submit_button("Remove from the set", icon=":material/remove:")
    if save:
        made = workspace.add_evaluation_row(
            turn.kept, expected or "", places.get(where or NOWHERE), (tags or "").split(","), talk().owner
        )
        talk().evaluation[turn.id] = made
    elif remove:
        workspace.remove_evaluation_row(turn.id, talk().owner)
        del talk().evaluation[turn.id]
    if save or remove:
        close_dialog()
        st.rerun()


def _expected(turn: Turn) -> str:
    """What was answered, unless that was called bad."""
    given = talk().feedback.get((turn.id, ""))
    return "" if given and given.value < 0 else expected_of(turn.kept)


def _places(turn: Turn) -> dict[str, Citation | Hit]:
    """The sources that were called relevant, what the footnotes quote, and the sources that were called nothing."""
    if turn.answer is None:
        return {}
    cited = {f"Footnote {one.number}: {one.name}, {place(one.name, one.page)}": one for one in turn.answer.citations}
    sources: dict[int, dict[str, Hit]] = {1: {}, 0: {}, -1: {}}
    for number, hit in enumerate(turn.answer.hits, start=1):
        given = talk().feedback.get((turn.id, hit.chunk.id))
        name = f"Source {number}: {hit.name}, {place(hit.name, hit.chunk.page)}"
        sources[given.value if given else 0][name] = hit
    return {**sources[1], **cited, **sources[0]}


def _is_at(row: EvaluationRow, one: Citation | Hit) -> bool:
    document, page, quote = (
        (one.document, one.page, one.quote)
        if isinstance(one, Citation)
        else (one.chunk.document_id, one.chunk.page, one.chunk.text)
    )
    return (row.document_id, row.page, row.quote) == (document, page, quote)


def _downloads(rows: Sequence[EvaluationRow], turn: Turn) -> None:
    for kind, data, mime in (("CSV", as_csv(rows), "text/csv"), ("JSONL", as_jsonl(rows), "application/jsonl")):
        st.download_button(
            kind,
            data,
            f"evaluation-set.{kind.lower()}",
            mime,
            key=f"set-{kind}-{turn.key}",
            icon=":material/download:",
            help=f"The whole set: {counted(len(rows), 'question')}",
            on_click="ignore",
        )
