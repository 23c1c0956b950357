"""What questions leave unmeasured: said before a study starts, and where its runs are ranked."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from rag.records import Configuration, Gold, Run
from rag.workspace import Workspace, usual_metric
from ui.text import counted, escape_markdown, shortened

NAMED = 3
ADD = "Give the questions documents, pages or quotes"


def draw_measurable(
    workspace: Workspace, questions: Sequence[Gold], collection: str, configurations: Sequence[Configuration]
) -> None:
    """Say what a study of these questions would not measure."""
    there = workspace.named_documents(questions, collection)
    missing = [one for one, known in there.items() if not known]
    if missing:
        _missing(questions, missing, len(there), collection)
    if any(one.located and there.get(one.document, True) for one in questions):
        return
    why = "No question says where its answer stands"
    if missing:
        why = "No question says where its answer stands in a document that is there"
    answering = any(one.answerer for one in configurations)
    if answering and any(one.answers or not one.answerable for one in questions):
        st.warning(f"{why}, so only answers are measured, and not what is found. {ADD}.", icon=":material/warning:")
    else:
        more = ", or expected answers and somebody who answers" if not answering else ", or expected answers"
        st.warning(
            f"{why}, so nothing is measured but how long a question takes. {ADD}{more}.", icon=":material/warning:"
        )


def tell_unmeasured(runs: Sequence[Run]) -> None:
    """Say of runs that can be ranked by their time alone why that is so."""
    if runs and not usual_metric(runs):
        st.info(
            "Only how long a question took was measured: the study knew of no question where its answer stands, or "
            f"what it is. {ADD} of documents in the collection, or expected answers, to see which run is better.",
            icon=":material/info:",
        )


def _missing(questions: Sequence[Gold], missing: Sequence[str], named: int, collection: str) -> None:
    touched = counted(sum(one.document in set(missing) for one in questions), "question")
    names = ", ".join(escape_markdown(shortened(one, 60)) for one in missing[:NAMED])
    more = f" and {len(missing) - NAMED:,} more" if len(missing) > NAMED else ""
    few = f"{len(missing):,} of {counted(named, 'document')} that the questions name"
    st.warning(
        f"{few} {'is' if len(missing) == 1 else 'are'} not in {escape_markdown(collection)} ({names}{more}): what is "
        f"found for {touched} cannot be measured there.",
        icon=":material/warning:",
    )
