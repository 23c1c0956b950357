"""The evaluation set on the Ask page: a question with the answer that is expected, and where that stands."""

from __future__ import annotations

import streamlit as st

from rag.records import Citation, EvaluationRow, Hit
from rag.workspace import Workspace, as_csv, as_jsonl, expected_of
from ui.labels import place
from ui.talk import talk
from ui.text import counted
from ui.turns import Turn

NOWHERE = "In no document"


def draw_evaluation(workspace: Workspace, turn: Turn) -> None:
    """A form that makes a turn a row of the set, or changes that row; and the whole set, to be kept elsewhere."""
    row = talk().evaluation.get(turn.id)
    st.markdown(
        "**Evaluation set**",
        help="Questions with the answers you expect. With them it can be measured how good the answers are.",
    )
    _form(workspace, turn, row)
    if row is not None and st.button("Remove from the set", key=f"unset-{turn.key}", icon=":material/remove:"):
        workspace.remove_evaluation_row(turn.id, talk().owner)
        del talk().evaluation[turn.id]
        st.rerun(scope="fragment")
    _downloads(workspace, turn)


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
        if st.form_submit_button("Save" if row else "Add to the evaluation set", icon=":material/playlist_add:"):
            talk().evaluation[turn.id] = workspace.add_evaluation_row(
                turn.kept, expected or "", places.get(where or NOWHERE), (tags or "").split(","), talk().owner
            )
            st.rerun(scope="fragment")


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


def _downloads(workspace: Workspace, turn: Turn) -> None:
    rows = workspace.evaluation_rows(talk().owner)
    if not rows:
        return
    st.caption(f"The set has {counted(len(rows), 'question')}.")
    with st.container(horizontal=True, gap="xsmall"):
        for kind, data, mime in (("CSV", as_csv(rows), "text/csv"), ("JSONL", as_jsonl(rows), "application/jsonl")):
            st.download_button(
                kind,
                data,
                f"evaluation-set.{kind.lower()}",
                mime,
                key=f"set-{kind}-{turn.key}",
                icon=":material/download:",
                on_click="ignore",
            )
