"""Where an answer's time went, on demand."""

from __future__ import annotations

import streamlit as st

from rag.records import FIRST_WORDS, QUOTING, TOTAL, Answer, Step
from ui.text import escape_markdown

_STEPS = {
    Step.REWRITE: ("Complete the question", "A follow-up question is made one that can be searched for by itself."),
    Step.RETRIEVE: ("Find passages", "Retrieval: by words, by meaning, and word against word."),
    Step.RERANK: ("Read the best again", "Reranking: a second model, a cross-encoder, reads each with the question."),
    Step.GENERATE: ("Choose the quotes", "The sentences that answer are found in the passages."),
    Step.CHECK: ("Check the quotes", "Each is looked up in the document's text, at the place it is said to be from."),
}
_WRITTEN = {
    Step.GENERATE: ("Write the answer", "The language model reads the passages and writes; waiting for it is counted."),
    Step.CHECK: ("Check the sentences", "Each is held against the passages it cites."),
}


def latency(answer: Answer, key: str) -> None:
    """How long an answer took; a click shows with what. Of an answer without timings, nothing."""
    total = answer.timings.get(TOTAL)
    if total is None:
        return
    with st.popover(seconds(total), icon=":material/timer:", type="tertiary", key=f"latency-{key}", help="Time taken"):
        st.table(_rows(answer), hide_index=True, border="horizontal")


def _rows(answer: Answer) -> list[dict[str, str]]:
    words = _STEPS if answer.model == QUOTING else {**_STEPS, **_WRITTEN}
    steps = [(words[one][0], answer.timings[one], words[one][1]) for one in words if one in answer.timings]
    if FIRST_WORDS in answer.timings:
        steps.append(
            ("First words after", answer.timings[FIRST_WORDS], "From the question until something is to be read.")
        )
    steps.append(("In all", answer.timings[TOTAL], ""))
    return [
        {"Step": f"**{one}**  \n:small[:gray[{escape_markdown(why)}]]" if why else f"**{one}**", "Time": seconds(took)}
        for one, took, why in steps
    ]


def seconds(took: float) -> str:
    """`0.31 s`, `12.4 s`, `3 ms`."""
    if took < 0.01:
        return f"{took * 1000:.0f} ms"
    return f"{took:.2f} s" if took < 10 else f"{took:.1f} s"
