"""Where an answer's time went, on demand."""

from __future__ import annotations

import streamlit as st

from rag.records import FIRST_WORDS, QUOTING, TOTAL, Answer, Step

_STEPS = {
    Step.REWRITE: ("Complete the question", "A follow-up question is made one that can be searched for by itself."),
    Step.RETRIEVE: ("Find passages", "Retrieve: passages are looked for by their words and by their meaning."),
    Step.RERANK: ("Read the best again", "Rerank: a second model, a cross-encoder, reads each with the question."),
    Step.GENERATE: ("Choose the quotes", "The sentences that answer are found in the passages."),
    Step.CHECK: ("Check the quotes", "Each is looked up in its document, at the place that it is said to be from."),
}
_WRITTEN = {
    Step.GENERATE: ("Write the answer", "Generate: the language model reads and writes. Waiting for it is counted."),
    Step.CHECK: ("Check the sentences", "Each sentence is held against the passages that it cites."),
}
_FIRST = ("First words after", "From the question until there was something to read.")


def latency(answer: Answer, key: str) -> None:
    """How long an answer took; a click shows with what. Of an answer whose times are not known, nothing."""
    total = answer.timings.get(TOTAL)
    if total is None:
        return
    with (
        st.popover(seconds(total), icon=":material/timer:", type="tertiary", key=f"latency-{key}", help="Time taken"),
        st.container(gap=None),
    ):
        words = _STEPS if answer.model == QUOTING else {**_STEPS, **_WRITTEN}
        rows = {step.value: told for step, told in words.items()} | {FIRST_WORDS: _FIRST}
        for name, (step, why) in rows.items():
            if name in answer.timings:
                st.markdown(f"{step} · **{seconds(answer.timings[name])}**", help=why)


def seconds(took: float) -> str:
    """`3 ms`, `0.31 s`, `12.4 s`."""
    if took < 0.01:
        return f"{took * 1000:.0f} ms"
    return f"{took:.2f} s" if took < 10 else f"{took:.1f} s"
