"""What can be done about documents that are not ready: cancel, retry, give a password."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import streamlit as st

from rag.errors import EncryptedError, NotFoundError
from rag.records import Document, Failure
from rag.workspace import Workspace
from ui.labels import spoken
from ui.text import message_markdown, shortened

KEPT = (
    "It is not stored. What is kept, in the data folder and until you delete the document, is a copy of the file that "
    "opens without it."
)


def cancel_button(workspace: Workspace, document: Document, where: str = "list") -> None:
    """Stops an unfinished document. `where` on the page the button is: there may be two."""
    if not workspace.settings.demo and st.button(
        "Cancel",
        key=f"cancel-{where}-{document.collection}-{document.id}",
        type="tertiary",
        icon=":material/close:",
        help="Stop indexing it. You can retry it later.",
    ):
        _do(workspace.cancel, document)
        st.rerun()


def retry_button(workspace: Workspace, document: Document, where: str = "list") -> None:
    """Queues a document that failed or was cancelled once more, with its password if it needs one."""
    key = f"{where}-{document.collection}-{document.id}"
    if workspace.settings.demo:
        return
    if document.failure is Failure.LOCKED:
        with st.popover("Give the password", type="tertiary", icon=":material/lock_open:", key=f"unlock-{key}"):
            _retry_with_password(workspace, document, key)
    elif st.button("Retry", key=f"retry-{key}", type="tertiary", icon=":material/refresh:"):
        _do(workspace.retry, document)
        st.rerun()


def _retry_with_password(workspace: Workspace, document: Document, key: str) -> None:
    wrong = st.session_state.setdefault("wrong_passwords", {})
    with st.form(f"password-{key}", clear_on_submit=True, border=False):
        password = password_field(document.name)
        pressed = st.form_submit_button("Retry", icon=":material/refresh:")
    if pressed and password:
        wrong.pop(key, None)
        try:
            _do(partial(workspace.retry, password=password), document)
        except EncryptedError as error:
            wrong[key] = str(error)
        else:
            st.rerun()
    if key in wrong:
        st.caption(f":red[{message_markdown(wrong[key])}]")


def password_field(name: str) -> str:
    """Where the password of a file is typed; empty while there is none."""
    return (
        st.text_input(f"Password of {spoken(shortened(name, 50))}", type="password", autocomplete="off", help=KEPT)
        or ""
    )


def retry_all_button(workspace: Workspace, unread: Sequence[Document], where: str = "list") -> None:
    """Queues once more what failed."""
    if st.button("Retry all that failed", icon=":material/refresh:", key=f"retry-all-{where}"):
        for one in unread:
            _do(workspace.retry, one)
        st.rerun()


def _do(change: Callable[[str, str], Any], document: Document) -> None:
    with suppress(NotFoundError):  # another session has deleted it meanwhile, as the next run shows
        change(document.id, document.collection)
