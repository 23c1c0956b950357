"""What the Collections page shows of collections and documents, and how they are deleted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

import streamlit as st

from rag.errors import NotFoundError
from rag.records import UNFINISHED, VISIBLE, Document, State
from rag.workspace import Workspace
from ui.dialogs import close_dialog
from ui.errors import friendly_errors
from ui.passages import show_chunks
from ui.progress import cancel_button, retry_button
from ui.shell import say
from ui.stages import ocr_notice, stage, unread_notice, waiting_to_replace
from ui.text import bytes_as_text, counted, day, escape_markdown, message_markdown, shortened

FAILURES_SHOWN = 20
ERASE_WORD = "erase"

_STATES = {
    State.QUEUED: "Waiting",
    State.INDEXING: "In progress",
    State.SEARCHABLE: "Searchable by words",
    State.READY: "Ready",
    State.FAILED: "Failed",
}


_COLUMNS: dict[str, Any] = {
    "Document": st.column_config.TextColumn(width=230, pinned=True),
    "State": st.column_config.TextColumn(
        help="A document is searched by its words as soon as it is read, and by meaning once it is ready."
    ),
    "Pages": st.column_config.NumberColumn(format="localized", width=65),
    "Passages": st.column_config.NumberColumn(format="localized", width=80),
    "Tags": st.column_config.ListColumn(width=120),
    "Size": st.column_config.NumberColumn(format="bytes", width=80),
}


def follow_link(collections: Collection[str], documents: Callable[[str], Sequence[Document]]) -> None:
    """Choose what the address names, `?collection=...&document=...`, once: afterwards the reader chooses."""
    name, document = st.query_params.get("collection"), st.query_params.get("document")
    if name is None:
        return
    st.query_params.clear()
    if name in collections and (document is None or document in {one.id for one in documents(name)}):
        st.session_state["shown_collection"] = name
        st.session_state[f"document-{name}"] = document
    else:
        st.info("What the link leads to is no longer there.", icon=":material/link_off:")


def table(documents: Sequence[Document]) -> list[dict[str, Any]]:
    """The documents as rows. Table cells show their text literally, so nothing needs escaping."""
    return [
        {
            "Document": one.name,
            "State": _STATES[one.state],
            "Pages": one.pages or None,
            "Passages": one.chunks or None,
            "Tags": list(one.tags),
            "Size": one.bytes,
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
        column_config=_COLUMNS,
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


def show_failures(workspace: Workspace, documents: Sequence[Document]) -> None:
    """The documents that could not be indexed, each with why, and a way to try them all again."""
    failed = [one for one in documents if one.state is State.FAILED]
    if failed:
        with st.expander(f"{counted(len(failed), 'document')} could not be indexed", icon=":material/error:"):
            for one in failed[:FAILURES_SHOWN]:
                name = escape_markdown(shortened(one.name, 60))
                st.markdown(f"**{name}**  \n:small[{message_markdown(one.reason)}]")
            if len(failed) > FAILURES_SHOWN:
                st.caption(f"And {len(failed) - FAILURES_SHOWN:,} more: choose them above to see why.")
            if not workspace.settings.demo and st.button("Retry all that failed", icon=":material/refresh:"):
                workspace.retry(collection=failed[0].collection)
                st.rerun()


def describe(workspace: Workspace, document: Document) -> None:
    """A document's facts on a few lines, and what can be done about its state."""
    st.subheader(escape_markdown(document.name), anchor=False)
    if document.title and document.title != document.name:
        st.markdown(escape_markdown(document.title))
    facts = [bytes_as_text(document.bytes), f"added {day(document.added_at)}"]
    if document.pages:
        facts[:0] = [counted(document.pages, "page"), counted(document.chunks, "passage")]
    st.caption(" · ".join(facts))
    if document.tags:
        st.markdown(" ".join(f":gray-badge[{escape_markdown(tag)}]" for tag in document.tags))
    if document.ocr_pages:
        st.info(f"{ocr_notice(document)}: check what you quote.", icon=":material/document_scanner:")
    if document.state is State.READY and document.unread_pages:
        st.warning(f"{unread_notice(document)}.", icon=":material/visibility_off:")
        if workspace.settings.ocr:
            retry_button(workspace, document, "details")
    if document.state is State.FAILED:
        st.error(message_markdown(document.reason), icon=":material/error:")
        retry_button(workspace, document, "details")
    elif document.state in UNFINISHED:
        held_back = waiting_to_replace(workspace.documents(document.collection))
        st.caption(f"Not ready yet: {stage(document, (document.collection, document.id) in held_back)}.")
        cancel_button(workspace, document, "details")


def show_passages(workspace: Workspace, document: Document) -> None:
    """The document's passages, some at a time."""
    if document.state in VISIBLE:
        show_chunks(workspace.chunks(document), document.id)


@st.dialog("Delete this document?", icon=":material/delete:", on_dismiss=close_dialog)
def confirm_delete(workspace: Workspace, document: Document) -> None:
    """Ask, then delete a document."""
    st.markdown(
        f"**{escape_markdown(document.name)}** and its {counted(document.chunks, 'passage')} will be removed from "
        f"the collection “{escape_markdown(document.collection)}”. This cannot be undone."
    )
    _delete_or_keep(lambda: _delete(workspace, document))


@st.dialog("Delete this collection?", icon=":material/delete:", on_dismiss=close_dialog)
def confirm_delete_collection(workspace: Workspace, name: str, documents: int) -> None:
    """Ask, then delete a collection."""
    st.markdown(
        f"**{escape_markdown(name)}** and its {counted(documents, 'document')} will be removed. This cannot be undone."
    )
    _delete_or_keep(lambda: _delete_collection(workspace, name))


def _delete_or_keep(delete: Any) -> None:
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep", key="keep", on_click=close_dialog):
            st.rerun()
        if st.button("Delete", key="really-delete", type="primary", on_click=delete):
            st.rerun()


def _delete(workspace: Workspace, document: Document) -> None:
    close_dialog()
    with friendly_errors():
        with suppress(NotFoundError):  # another session was faster
            workspace.delete(document.id, document.collection)
        say(f"Deleted {escape_markdown(document.name)}.")


def _delete_collection(workspace: Workspace, name: str) -> None:
    close_dialog()
    with friendly_errors():
        with suppress(NotFoundError):
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
