"""The one dialog that is open, if any.

Streamlit closes a dialog whenever the page runs again, which it does by itself when indexing ends. So what is open is
kept in the session, and drawn at the end of each run until the reader closes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st


def open_dialog(draw: Callable[..., Any], *given: Any) -> None:
    """Open a dialog, of which `draw` is a function decorated as one; for callbacks."""
    st.session_state["dialog"] = (st.session_state["page"], draw, given)
    run_page()


NEW = "new-collection"
"""Key of the popover in which collections are made."""


def open_from_new(draw: Callable[..., Any], *given: Any) -> None:
    """As `open_dialog`, and close that popover, which would lie over the dialog; for callbacks."""
    st.session_state[NEW] = False
    open_dialog(draw, *given)


def run_page() -> None:
    """Have the page run again after a click in a fragment, which would draw only that; for callbacks."""
    st.session_state["run-page"] = True


def runs_page() -> None:
    """Say that the page runs."""
    st.session_state.pop("run-page", None)


def run_page_if_asked() -> None:
    """Where a fragment begins whose callbacks use `run_page`."""
    if st.session_state.pop("run-page", False):
        st.rerun()


def close_dialog() -> None:
    """Close it; for callbacks, and for `on_dismiss` of each dialog."""
    st.session_state.pop("dialog", None)


def give_way(mine: Callable[..., Any]) -> None:
    """Run the page again if something else was opened from within a dialog; a click in it draws only it again."""
    _, draw, _ = st.session_state.get("dialog", (None, None, ()))
    if draw is not mine:
        st.rerun()


def draw_dialog(page: str) -> None:
    """Draw the dialog that was opened on this page; one that was left open on another page is closed."""
    st.session_state["page"] = page
    where, draw, given = st.session_state.get("dialog", (page, None, ()))
    if where != page:
        close_dialog()
    elif draw is not None:
        draw(*given)
