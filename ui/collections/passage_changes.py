"""What is done to a passage: corrected in a dialog, hidden, deleted, brought back; the last change can be undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from rag.errors import NotFoundError, RagError
from rag.records import Collection, ListedChunk, Overlay, document_of
from rag.workspace import Workspace
from ui.dialogs import close_dialog
from ui.errors import friendly_errors, show_error
from ui.labels import label
from ui.passages import plain_html
from ui.text import counted, day, shortened


def found_key(collection: str) -> str:
    """In the session: what was looked for in a collection, and what was found."""
    return f"passages-found-{collection}"


UNDO = "passages-undo"
"""In the session: the last change, as (collection, chunk, what lay over it before, what was done)."""


@st.dialog("Correct this passage", width="medium", icon=":material/edit:", on_dismiss=close_dialog)
def edit(workspace: Workspace, collection: str, one: ListedChunk) -> None:
    """Write another text or heading for a passage."""
    chunk = one.chunk
    st.caption(
        f"{label(one.name, chunk.page)}. The document stays as it is: answers that quote this passage say that it was "
        "edited, and show what the page says."
    )
    text = st.text_area("Text", chunk.text, height=260, key=f"edit-text-{chunk.id}")
    heading = st.text_input(
        "Heading above it",
        chunk.heading,
        key=f"edit-heading-{chunk.id}",
        help="What stands above the passage, a level after another with “ > ” between: it is searched too.",
    )
    if chunk.edited:
        with st.expander("What the page says"):
            st.html(plain_html(one.printed))
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="edit-cancel", on_click=close_dialog):
            st.rerun()
        save = st.button("Save", key="edit-save", type="primary", icon=":material/check:")
    if not save:
        return
    try:
        with st.spinner("Saving, and making its vector anew…"):
            before = workspace.edit_chunk(collection, chunk.id, text, heading)
    except RagError as error:
        show_error(error)
        return
    _changed(collection, chunk.id, before, "The passage was corrected.")
    close_dialog()
    st.rerun()


def hide(workspace: Workspace, collection: str, chunk: str) -> None:
    """Hide a passage; for callbacks, as those below."""
    _change(collection, chunk, workspace.hide_chunk, "The passage is hidden: it is not found any more.")


def show(workspace: Workspace, collection: str, chunk: str) -> None:
    """Have a passage found again."""
    _change(collection, chunk, workspace.show_chunk, "The passage is found again.")


def delete(workspace: Workspace, collection: str, chunk: str) -> None:
    """Delete a passage, which can be undone."""
    _change(collection, chunk, workspace.delete_chunk, "The passage was deleted.")


def restore(workspace: Workspace, collection: str, chunk: str) -> None:
    """Have a passage as it was read."""
    _change(collection, chunk, workspace.restore_chunk, "The passage is as it was read.")


def _change(collection: str, chunk: str, change: Callable[[str, str], Overlay | None], words: str) -> None:
    with friendly_errors():
        _changed(collection, chunk, change(collection, chunk), words)


def _changed(collection: str, chunk: str, before: Overlay | None, words: str) -> None:
    st.session_state[UNDO] = (collection, chunk, before, words)
    _unmark(collection, chunk)


def _unmark(collection: str, chunk: str) -> None:
    """What was found in a passage may stand elsewhere in it now, or nowhere."""
    name = found_key(collection)
    if name in st.session_state:
        wanted, found = st.session_state[name]
        marks = {one: spans for one, spans in found.marks.items() if one != chunk}
        st.session_state[name] = (wanted, replace(found, marks=marks))


def offer_undo(workspace: Workspace) -> None:
    """What was done last, at the lower edge of the window, with a way back."""
    if UNDO not in st.session_state:
        return
    collection, chunk, before, words = st.session_state[UNDO]
    try:
        workspace.document(document_of(chunk), collection)
    except NotFoundError:  # replaced or deleted since, and the passage with it
        _forget()
        return
    with st.bottom, st.container(horizontal=True, vertical_alignment="center", border=True, wrap=False):
        st.markdown(f":material/check_circle: {words}", width="stretch")
        given = (workspace, collection, chunk, before)
        st.button("Undo", key="passages-undo-it", icon=":material/undo:", on_click=_undo, args=given)
        st.button("Close", key="passages-undo-close", icon=":material/close:", type="tertiary", on_click=_forget)


def _undo(workspace: Workspace, collection: str, chunk: str, before: Overlay | None) -> None:
    _forget()
    with friendly_errors():
        workspace.put_back(collection, chunk, before)
        _unmark(collection, chunk)


def _forget() -> None:
    st.session_state.pop(UNDO, None)


def draw_loose(workspace: Workspace, collection: Collection) -> None:
    """Corrections whose passages are not there any more."""
    loose = workspace.unapplied(collection.name)
    if not loose:
        return
    title = f"{counted(len(loose), 'correction')} without a passage"
    with st.expander(title, icon=":material/link_off:"):
        st.caption(
            "Their documents were replaced, or cut or read in another way since, and no passage says the same as these "
            "did. They are kept, and apply again if the same passage comes back."
        )
        names = {one.id: one.name for one in workspace.documents_of(collection.name, [one.document for one in loose])}
        for one in loose:
            with st.container(border=True, gap="xsmall"):
                when = day(one.edited_at.astimezone()) if one.edited_at else ""
                name = shortened(names.get(one.document, "a document that is not here"), 60)
                st.text(f"{name} · characters {one.start:,}–{one.end:,} · {when}")
                st.html(plain_html(one.text or one.heading or f"It was {one.state.value}."))
                if not workspace.settings.demo and collection.linked is None:
                    st.button(
                        "Forget it",
                        key=f"loose-{one.chunk}",
                        type="tertiary",
                        icon=":material/delete:",
                        on_click=_forget_loose,
                        args=(workspace, collection.name, one.chunk),
                    )


def _forget_loose(workspace: Workspace, collection: str, chunk: str) -> None:
    with friendly_errors():
        workspace.forget_unapplied(collection, chunk)
