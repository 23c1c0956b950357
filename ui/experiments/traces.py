"""Traces: what was done for each question that was asked, how long each step took, and what MLflow has of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from rag.records import QUOTING, Step, Trace
from rag.workspace import Workspace
from ui.door import reader
from ui.experiments.mlflow import STEPS, draw_mlflow
from ui.places import ASK
from ui.talk import ADDRESS
from ui.text import counted, day, escape_markdown, message_markdown, shortened

A_PAGE = 25
_JUDGED = {1: "good", -1: "bad", 0: ""}
_ABSTAINED = {"All": None, "Answered": False, "Not answered": True}
_THOUGHT = {"All": None, "Called good": 1, "Called bad": -1, "Nothing said": 0}
_STEPS = {
    Step.REWRITE: ("Wording", "The question is worded so that it stands alone."),
    Step.RETRIEVE: ("Finding", "Passages are found."),
    Step.LEXICAL: ("by words", "Passages are found by their words."),
    Step.DENSE: ("by meaning", "Passages are found by what they mean."),
    Step.LATE: ("word by word", "Each word of the question is held against each passage."),
    Step.FUSE: ("one list", "The lists are made one."),
    Step.RERANK: ("Second reading", "The best are read anew."),
    Step.CONTEXT: ("on their pages", "The passages are put on their pages."),
    Step.GENERATE: ("Answering", "The answer is written, or its quotes are chosen."),
    Step.CHECK: ("Checking", "Quotes are proved, and what was written is held against the passages."),
}


def draw_traces(workspace: Workspace) -> None:
    """Draw the view."""
    if workspace.settings.demo:
        st.markdown("A demo keeps no traces: nothing that is asked here is kept.")
        return
    draw_mlflow(workspace, STEPS)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        at_least = st.number_input("At least, seconds", 0.0, 3600.0, 0.0, 0.5, key="traces-seconds", width=150)
        abstained = st.selectbox("Answer", list(_ABSTAINED), key="traces-abstained", width=160)
        thought = st.selectbox("Feedback", list(_THOUGHT), key="traces-thought", width=160)
    number = st.session_state.get("traces-page", 1)
    found = workspace.traces(
        reader(),
        at_least,
        _ABSTAINED[abstained],
        value=_THOUGHT[thought],
        limit=A_PAGE + 1,
        offset=(number - 1) * A_PAGE,
    )
    if not found and number == 1:
        filtered = at_least or _ABSTAINED[abstained] is not None or _THOUGHT[thought] is not None
        if filtered:
            st.markdown("No question was like that.")
        else:
            st.markdown("Nothing has been asked yet. Ask a question, and here is what was done for it, step by step.")
            st.page_link(ASK, label="Ask a question", icon=":material/forum:")
        return
    _list(found[:A_PAGE])
    with st.container(horizontal=True):
        if number > 1:
            st.button("Newer", icon=":material/chevron_left:", on_click=_turn, args=(number - 1,))
        if len(found) > A_PAGE:
            st.button("Older", icon=":material/chevron_right:", on_click=_turn, args=(number + 1,))
    chosen = next(
        (one for one in found if one.id == st.session_state.get("traces-chosen")), found[0] if found else None
    )
    if chosen is not None:
        _one(workspace, chosen)


def _turn(number: int) -> None:
    st.session_state["traces-page"] = number


def _list(found: Sequence[Trace]) -> None:
    ids = [one.id for one in found]
    table = f"traces-{ids[0]}-{ids[-1]}-{len(ids)}" if ids else "traces-none"

    def clicked() -> None:
        cells = st.session_state[table].selection.cells
        if cells and cells[0][0] < len(ids):
            st.session_state["traces-chosen"] = ids[cells[0][0]]

    st.space("xxsmall")
    st.dataframe(
        [
            {
                "Question": one.question or "(texts are left out)",
                "Seconds": one.seconds,
                "Answer": "failed" if one.error else "not answered" if one.abstained else "answered",
                "Feedback": _JUDGED.get(one.value, ""),
                "By": _who(one),
                "Collection": one.collection,
                "When": one.at.astimezone().replace(tzinfo=None),
            }
            for one in found
        ],
        hide_index=True,
        key=table,
        on_select=clicked,
        selection_mode="single-cell",
        column_config={
            "Question": st.column_config.TextColumn(width=280, pinned=True),
            "Seconds": st.column_config.NumberColumn(format="%.2f", width=72),
            "When": st.column_config.DatetimeColumn(format="D MMM, HH:mm:ss"),
        },
        alt="Questions that were asked, the last first",
    )


def _one(workspace: Workspace, trace: Trace) -> None:
    with st.container(border=True, key="trace"):
        st.markdown(f"**{escape_markdown(shortened(trace.question, 300) or 'Texts are left out of traces')}**")
        facts = [f"{trace.seconds:.2f} s", f"{counted(len(trace.found), 'passage')}", escape_markdown(trace.collection)]
        if trace.model:
            facts.append(f"by {escape_markdown(_who(trace))}")
        if trace.confidence is not None:
            facts.append(f"confidence {trace.confidence:.0%}")
        local = trace.at.astimezone()
        st.caption(" · ".join([*facts, f"{day(local)}, {local:%H:%M:%S}"]))
        if trace.searched and trace.searched != trace.question:
            st.caption(f"Searched for: {escape_markdown(shortened(trace.searched, 300))}")
        if trace.error:
            st.error(message_markdown(trace.error), icon=":material/error:")
        _waterfall(trace)
        if trace.answer:
            with st.expander("Answer", key="trace-answer"):
                st.text(trace.answer)
        if conversation := workspace.conversation_of(trace):
            st.page_link(ASK, label="Its conversation", icon=":material/forum:", query_params={ADDRESS: conversation})
        if trace.note:
            st.caption(f"The reader's note: {escape_markdown(trace.note)}")


def _who(trace: Trace) -> str:
    return "quotes" if trace.model == QUOTING else trace.model


def _waterfall(trace: Trace) -> None:
    if not trace.spans:
        st.caption("No step of it was noted.")
        return
    said = {step.value: words for step, words in _STEPS.items()}
    rows = []
    for number, one in enumerate(trace.spans, start=1):
        name, what = said.get(one.name, (one.name, ""))
        begins, lasts = one.start * 1000, one.seconds * 1000
        rows.append(
            {
                "Step": f"{number}. {'… ' if one.within else ''}{name}",
                "start": begins,
                "end": begins + lasts,
                "ms": lasts,
                "kind": "part of a step" if one.within else "step",
                "What": what,
                "order": number,
            }
        )
    data = {name: [one[name] for one in rows] for name in rows[0]}
    spec: dict[str, Any] = {
        "mark": {"type": "bar", "cornerRadius": 2, "minBandSize": 6},
        "encoding": {
            "y": {
                "field": "Step",
                "type": "nominal",
                "sort": {"field": "order"},
                "title": None,
                "axis": {"labelOverlap": False},
            },
            "x": {"field": "start", "type": "quantitative", "title": "milliseconds after the question"},
            "x2": {"field": "end"},
            "color": {
                "field": "kind",
                "type": "nominal",
                "scale": {"domain": ["step", "part of a step"], "range": ["#4e79a7", "#76b7b2"]},
                "legend": {"orient": "top", "title": None},
            },
            "tooltip": [
                {"field": "Step", "type": "nominal"},
                {"field": "ms", "type": "quantitative", "title": "ms", "format": ".1f"},
                {"field": "What", "type": "nominal"},
            ],
        },
    }
    st.vega_lite_chart(data, spec, height=120 + 26 * len(rows), width="stretch")
