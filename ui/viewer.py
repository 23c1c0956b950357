"""Which page is open beside what is read, that of a footnote or a source. It is kept in the session; ui/viewing.py
draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from ui.dialogs import close_dialog, run_page
from ui.passages import Passage


@dataclass(slots=True)
class Viewer:
    """What is open: one of the `passages` of an answer, `at`; `page` is where the reader has turned to from there."""

    passages: Sequence[Passage]
    at: int
    page: int

    @property
    def passage(self) -> Passage:
        """The passage that is open."""
        return self.passages[self.at]

    def jump(self, at: int) -> None:
        """Go to another passage."""
        self.at, self.page = at, self.passages[at].page

    def turn(self, pages: int) -> None:
        """Go some pages on, or back."""
        self.page += pages

    def go(self, field: str) -> None:
        """Go to the page whose number stands in a field of the session."""
        self.page = int(st.session_state[field] or self.page)


def open_viewer(passages: Sequence[Passage], at: int = 0) -> None:
    """Open one of some passages; for callbacks."""
    st.session_state["viewer"] = (st.session_state["page"], Viewer(passages, at, passages[at].page))
    close_dialog()
    run_page()


def close_viewer() -> None:
    """Close it; for callbacks."""
    if st.session_state.pop("viewer", None) is not None:
        st.session_state["viewer-closed"] = True
