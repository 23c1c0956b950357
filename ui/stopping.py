"""A click on Stop ends the page's script where it is: what it has not drawn yet stays undrawn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import StopException, add_script_run_ctx

SOON = 0.1
"""Seconds."""


@contextmanager
def drawn_anew_if_stopped(say: Callable[[], Any]) -> Iterator[None]:
    """Where a click on Stop ends what is done inside, `say` says so at once, and then the page is drawn anew, from what
    has come of it."""
    try:
        yield
    except StopException:
        # A stopped script cannot send anything more; a thread beside it can.
        thread = threading.Thread(target=copy_context().run, args=(_last_words, say), name="footnote-stopped")
        add_script_run_ctx(thread)
        thread.start()
        thread.join()
        raise


def _last_words(say: Callable[[], Any]) -> None:
    say()
    # The browser asks for this part of the page again in a moment, and then it asks for the whole page.
    calls = iter((False,))
    st.fragment(lambda: next(calls, True) and st.rerun(), run_every=SOON)()
