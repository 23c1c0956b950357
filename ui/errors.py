"""Errors as a person should meet them: one line that says what to do, never a traceback."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from rag.errors import RagError
from ui.text import message_markdown

log = logging.getLogger(__name__)


def show_error(error: RagError) -> None:
    """The error's own message, which says what to do."""
    st.error(message_markdown(str(error)), icon=":material/error:")


@contextmanager
def friendly_errors() -> Iterator[None]:
    """Show what goes wrong inside; for pages, and for whatever runs on its own: fragments, dialogs, callbacks."""
    try:
        yield
    except RagError as error:
        show_error(error)
    except Exception:
        number = secrets.token_hex(4)
        log.exception("Unexpected error %s", number)
        st.error(
            f"Something went wrong that should not. Try again; if it happens again, the log has the details under "
            f"{number}.",
            icon=":material/error:",
        )
