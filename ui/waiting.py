"""What is being done while a reader waits, in words with the seconds."""

from __future__ import annotations

import time

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rag.records import Step
from ui.text import escape_markdown, shortened

_WORDS = {
    Step.REWRITE: "Completing the question",
    Step.RETRIEVE: "Looking through the documents",
    Step.RERANK: "Reading the best passages again",
}

STOPPED = "Stopped before the answer was complete."


class Waiting:
    """A line that says what is being done. `begin` may be called by any thread; the rest by the page's script."""

    def __init__(self, place: DeltaGenerator, model: str) -> None:
        self._place = place
        self._model = model
        self._began = time.monotonic()
        self._step = Step.RETRIEVE
        self._shown = ""

    def begin(self, step: Step) -> None:
        """Note what is being done from now on."""
        self._step = step

    def draw(self, writing: bool) -> None:
        """Show it, with the seconds once it takes some. To be called several times a second: only then does a click on
        Stop, or anywhere else, take effect."""
        seconds = int(time.monotonic() - self._began)
        words = f"{self._words(writing)}…" + (f" {seconds} s" if seconds else "")
        if words == self._shown:
            _ = "turns" in st.session_state  # looks for a stop as well, and sends nothing
            return
        self._shown = words
        self._place.markdown(f":small[:gray[{words}]]" if writing else f":shimmer[{words}]")

    def stopped(self) -> None:
        """Say that nothing is done any more."""
        self._place.caption(STOPPED)

    def _words(self, writing: bool) -> str:
        if self._step is Step.CHECK:
            return "Checking the sentences" if self._model else "Checking the quotes"
        if self._step is not Step.GENERATE:
            return _WORDS[self._step]
        if writing:
            return "Writing"
        return f"Waiting for {escape_markdown(shortened(self._model, 60))}" if self._model else "Choosing what to quote"
