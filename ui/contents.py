"""What the Collections page shows of collections and documents, and how they are deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from rag.records import UNFINISHED, VISIBLE, Chunk, Document, State
from rag.workspace import Workspace
from ui.errors import friendly_errors
from ui.passages import heading_path
from ui.progress import stage
from ui.shell import say
from ui.text import bytes_as_text, counted, day, escape_markdown, message_markdown, shortened

CHUNKS_A_PAGE = 10
FAILURES_SHOWN = 20
ERASE_WORD = "erase"

_STATES = {
    State.QUEUED: "Waiting",
    State.INDEXING: "In progress",
    State.SEARCHABLE: "Searchable",
    State.READY: "Ready",
    State.FAILED: "Failed",
}


def table(documents: Sequence[Document]) -> list[dict[str, Any]]:
    """The documents as rows. Table cells show their text literally, so nothing needs escaping."""
    return [
        {
            "Document": one.name,
            "State": _STATES[one.state],
            "Pages": one.pages or None,
            "Passages": one.chunks or None,
            "Size": bytes_as_text(one.bytes),
            "Added": one.added_at.date(),
        }
        for one in documents
    ]


def choose(documents: Sequence[Document], key: str) -> Document | None:
    """A table of documents and a box to choose one in; clicking a row chooses too."""

    def clicked() -> None:
        rows = st.session_state[f"table-{key}"].selection.rows
        st.session_state[f"document-{key}"] = documents[rows[0]].id if rows else None

    st.dataframe(
        table(documents),
        hide_index=True,
        key=f"table-{key}",
        on_select=clicked,
        selection_mode="single-row",
        column_config={"Document": st.column_config.TextColumn(width=250)},
        placeholder="–",
        alt="The documents of this collection",
    )
    by_id = {one.id: one for one in documents}
    chosen = st.selectbox(
        "Look into a document",
        list(by_id),
        index=None,
        key=f"document-{key}",
        format_func=lambda one: by_id[one].name if one in by_id else one,
        placeholder="Choose a document, or click its row",
    )
    return by_id.get(chosen) if chosen else None


def show_failures(documents: Sequence[Document]) -> None:
    """The documents that could not be read, each with why."""
    failed = [one for one in documents if one.state is State.FAILED]
    if failed:
        with st.expander(f"{counted(len(failed), 'document')} could not be read", icon=":material/error:"):
            for one in failed[:FAILURES_SHOWN]:
                name = escape_markdown(shortened(one.name, 60))
                st.markdown(f"**{name}**  \n:small[{message_markdown(one.reason)}]")
            if len(failed) > FAILURES_SHOWN:
                st.caption(f"And {len(failed) - FAILURES_SHOWN:,} more: choose them above to see why.")


def describe(document: Document) -> None:
    """A document's facts on a few lines."""
    st.subheader(escape_markdown(document.name), anchor=False)
    if document.title and document.title != document.name:
        st.markdown(escape_markdown(document.title))
    facts = [bytes_as_text(document.bytes), f"added {day(document.added_at)}"]
    if document.pages:
        facts[:0] = [counted(document.pages, "page"), counted(document.chunks, "passage")]
    st.caption(" · ".join(facts))
    if document.state is State.FAILED:
        st.error(message_markdown(document.reason), icon=":material/error:")
    elif document.state in UNFINISHED:
        st.caption(f"Not ready yet: {stage(document)}.")


def show_chunks(workspace: Workspace, document: Document) -> None:
    """The document's chunks, some at a time."""
    if document.state not in VISIBLE:
        return
    chunks = workspace.chunks(document)
    pages = max(1, -(-len(chunks) // CHUNKS_A_PAGE))
    st.caption(
        "These are its passages, called chunks: the pieces that are searched and quoted, in reading order. "
        "Their positions count characters in the document's text."
    )
    number = st.pagination(pages, key=f"chunks-{document.id}") if pages > 1 else 1
    first = (number - 1) * CHUNKS_A_PAGE
    for position, chunk in enumerate(chunks[first : first + CHUNKS_A_PAGE], start=first + 1):
        _show_chunk(chunk, position)


def _show_chunk(chunk: Chunk, position: int) -> None:
    with st.container(border=True, gap="xsmall"):
        heading = f" · {heading_path(chunk.heading)}" if chunk.heading else ""
        st.caption(f"Chunk {position} · page {chunk.page} · characters {chunk.start:,}–{chunk.end:,}{heading}")
        st.text(chunk.text)


@st.dialog("Delete this document?", icon=":material/delete:")
def confirm_delete(workspace: Workspace, document: Document) -> None:
    """Ask, then delete a document."""
    st.markdown(
        f"**{escape_markdown(document.name)}** and its {counted(document.chunks, 'passage')} will be removed from "
        f"the collection “{escape_markdown(document.collection)}”. This cannot be undone."
    )
    _delete_or_keep(lambda: _delete(workspace, document))


@st.dialog("Delete this collection?", icon=":material/delete:")
def confirm_delete_collection(workspace: Workspace, name: str, documents: int) -> None:
    """Ask, then delete a collection."""
    st.markdown(
        f"**{escape_markdown(name)}** and its {counted(documents, 'document')} will be removed. This cannot be undone."
    )
    _delete_or_keep(lambda: _delete_collection(workspace, name))


def _delete_or_keep(delete: Any) -> None:
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep", key="keep"):
            st.rerun()
        if st.button("Delete", key="really-delete", type="primary", on_click=delete):
            st.rerun()


def _delete(workspace: Workspace, document: Document) -> None:
    with friendly_errors():
        workspace.delete(document.id, document.collection)
        say(f"Deleted {escape_markdown(document.name)}.")


def _delete_collection(workspace: Workspace, name: str) -> None:
    with friendly_errors():
        workspace.delete_collection(name)
        say(f"Deleted the collection {escape_markdown(name)}.")


def storage(workspace: Workspace) -> None:
    """Where everything lies, how large it is, and a way to erase it all."""
    with st.expander(f"Storage · {bytes_as_text(workspace.size())}", icon=":material/hard_drive:"):
        if workspace.settings.demo:
            st.markdown("This is a read-only demo: its documents are kept on its server.")
            return
        lasting = workspace.settings.chroma_mode != "memory"
        until = "" if lasting else ", until Footnote stops"
        st.markdown(f"Documents, their text and the index are kept in this folder{until}:")
        st.code(str(workspace.folder.path), language=None, wrap_lines=True)
        st.markdown(
            f"**Erase everything.** All documents of all collections will be gone. To go on, type `{ERASE_WORD}`."
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            typed = st.text_input("Type it here", key="erase-word", label_visibility="collapsed", width=180)
            st.button(
                "Erase everything",
                icon=":material/delete_forever:",
                disabled=typed.strip().lower() != ERASE_WORD,
                on_click=_erase,
                args=(workspace,),
            )


def _erase(workspace: Workspace) -> None:
    if str(st.session_state["erase-word"]).strip().lower() != ERASE_WORD:
        return
    with friendly_errors():
        workspace.erase()
        for key in ("turns", "handed_in"):
            st.session_state.pop(key, None)
        st.session_state["erase-word"] = ""
        say("Everything has been erased.")
