"""What the Collections page shows of collections and documents."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import PurePath
from typing import Any

import streamlit as st

from rag.records import UNFINISHED, Document, Failure, State
from rag.workspace import NOT_ANEW, Workspace, language_name, language_notice
from ui.deleting import confirm_delete_failed
from ui.dialogs import open_dialog
from ui.labels import distinguished
from ui.retrying import cancel_button, retry_all_button, retry_button
from ui.stages import extent, failed, ocr_notice, stage, unread_notice
from ui.text import bytes_as_text, counted, day, escape_markdown, message_markdown, shortened

FAILURES_SHOWN = 20

_STATES = {
    State.QUEUED: "Waiting",
    State.INDEXING: "In progress",
    State.SEARCHABLE: "By words so far",
    State.READY: "Ready",
    State.FAILED: "Failed",
}


_COLUMNS: dict[str, Any] = {
    "Document": st.column_config.TextColumn(width=224, pinned=True),
    "State": st.column_config.TextColumn(
        width=100, help="A document is searched by its words as soon as it is read, and by meaning once it is ready."
    ),
    "Pages": st.column_config.NumberColumn(
        format="localized",
        width=58,
        help="Slides, sheets, and of files without pages, such as Word documents, the sections between breaks.",
    ),
    "Passages": st.column_config.NumberColumn(format="localized", width=78),
    "Tags": st.column_config.ListColumn(width=100),
    "Size": st.column_config.NumberColumn(format="bytes", width=70),
    "Added": st.column_config.DatetimeColumn(format="D MMM YYYY", width=94),
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
    tagged = any(one.tags for one in documents)
    return [
        {
            "Document": one.name,
            "State": _state(one),
            "Pages": one.pages or None,
            "Passages": one.chunks or None,
            **({"Tags": list(one.tags)} if tagged else {}),
            "Size": one.bytes,
            "Added": one.added_at,
        }
        for one in documents
    ]


def _state(document: Document) -> str:
    if document.failure is Failure.CANCELLED:
        return "Cancelled"
    return "Being read anew" if document.served and document.visible else _STATES[document.state]


def choose(documents: Sequence[Document], key: str) -> Document | None:
    """A table of documents and a box to choose one in; clicking anywhere in a row chooses too."""

    def clicked() -> None:
        cells = st.session_state[f"table-{key}"].selection.cells
        there = cells and cells[0][0] < len(documents)
        st.session_state[f"document-{key}"] = documents[cells[0][0]].id if there else None

    st.dataframe(
        table(documents),
        hide_index=True,
        key=f"table-{key}",
        on_select=clicked,
        selection_mode="single-cell",
        column_config=_COLUMNS,
        placeholder="–",
        alt="The documents of this collection",
    )
    by_id, names = {one.id: one for one in documents}, distinguished(documents)
    chosen = st.selectbox(
        "Look into a document",
        list(by_id),
        index=None,
        key=f"document-{key}",
        format_func=lambda one: names.get(one, one),
        placeholder="Choose a document, or click its row",
    )
    return by_id.get(chosen) if chosen else None


def show_failures(workspace: Workspace, documents: Sequence[Document]) -> None:
    """The documents that could not be indexed, each with why, and a way to try them all again or be rid of them."""
    unread = failed(documents)
    if not unread:
        return
    title = f"{counted(len(unread), 'document')} could not be indexed"
    with st.expander(title, icon=":material/error:", key="failures"):
        for one in unread[:FAILURES_SHOWN]:
            name = escape_markdown(shortened(one.name, 60))
            st.markdown(f"**{name}**  \n:small[{message_markdown(one.reason)}]")
        if len(unread) > FAILURES_SHOWN:
            st.caption(f"And {len(unread) - FAILURES_SHOWN:,} more: choose them above to see why.")
        if not workspace.settings.demo:
            with st.container(horizontal=True):
                retry_all_button(workspace, unread, "collection")
                st.button(
                    "Delete all that failed",
                    icon=":material/delete:",
                    on_click=open_dialog,
                    args=(confirm_delete_failed, workspace, unread[0].collection, len(unread)),
                )


def describe(workspace: Workspace, document: Document) -> None:
    """A document's facts on a few lines, and what can be done about its state."""
    st.subheader(escape_markdown(document.name), anchor=False)
    if document.title not in ("", document.name, PurePath(document.name).stem):
        st.markdown(escape_markdown(document.title))
    facts = [bytes_as_text(document.bytes), f"added {day(document.added_at)}"]
    if document.pages:
        facts.insert(0, extent(document))
    if document.language:
        facts.append(language_name(document.language))
    st.caption(" · ".join(facts))
    if document.tags:
        st.markdown(" ".join(f":gray-badge[{escape_markdown(tag)}]" for tag in document.tags))
    if foreign := language_notice([(document.name, document.language)], workspace.settings.embedding_model):
        st.info(message_markdown(foreign), icon=":material/translate:")
    if document.ocr_pages:
        st.info(f"{ocr_notice(document)}: check what you quote.", icon=":material/document_scanner:")
    if document.state is State.READY and document.unread_pages:
        st.warning(f"{unread_notice(document)}.", icon=":material/visibility_off:")
    if document.state is State.READY and document.reason:
        st.warning(f"{NOT_ANEW} {message_markdown(document.reason)}", icon=":material/history:")
    if document.state is State.READY and (document.reason or (document.unread_pages and workspace.settings.ocr)):
        retry_button(workspace, document, "details")
    if document.state is State.FAILED:
        if document.failure is Failure.CANCELLED:
            st.info(message_markdown(document.reason), icon=":material/cancel:")
        else:
            st.error(message_markdown(document.reason), icon=":material/error:")
        retry_button(workspace, document, "details")
    elif document.state in UNFINISHED:
        held_back = (document.collection, document.id) in workspace.held_back()
        st.caption(f"{'Being read anew' if document.served else 'Not ready yet'}: {stage(document, held_back)}.")
        cancel_button(workspace, document, "details")
