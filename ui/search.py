"""Where to look for an answer: as widgets, in words, and what of it is not searched by meaning yet."""

from __future__ import annotations

from collections.abc import Sequence, Set

import streamlit as st

from rag.records import Document, Search, State
from rag.settings import Settings
from ui.labels import distinguished
from ui.text import counted, escape_markdown


def covers(search: Search, document: Document) -> bool:
    """Whether a document is looked into."""
    return document.collection == search.collection and (not search.documents or document.id in search.documents)


def choose_search(searchable: Sequence[Document], settings: Settings) -> Search:
    """Widgets for where to look. The default collection comes first."""
    names = sorted({one.collection for one in searchable}, key=lambda name: (name != settings.collection, name))
    if st.session_state.get("ask_collection") not in names:
        st.session_state.pop("ask_collection", None)
    collection = st.selectbox("Collection", names, key="ask_collection", persist_state="session") or settings.collection
    there = distinguished([one for one in searchable if one.collection == collection])
    key = f"ask_documents-{collection}"
    gone = [one for one in st.session_state.get(key, ()) if one not in there]  # still chosen: never search more instead
    documents = st.multiselect(
        "Documents",
        [*there, *gone],
        format_func=lambda one: "a document that was deleted" if one in gone else there.get(one, one),
        placeholder="All documents",
        key=key,
        persist_state="session",
    )
    passages = st.slider("Passages to find", 1, 20, min(settings.top_k, 20), key="ask_k", persist_state="session")
    return Search(collection, tuple(documents), passages=passages)


def search_in_words(search: Search, settings: Settings) -> str:
    """What is searched and who writes the answer, in Markdown."""
    what = counted(len(search.documents), "chosen document") if search.documents else "every document"
    how = (
        f"Passages and the conversation are sent to {escape_markdown(settings.llm)}, which writes the answer."
        if settings.llm
        else "Answers are quoted word for word."
    )
    where = f"Searching {what} in the collection “{escape_markdown(search.collection)}”."
    return f"{where} {how}"


def only_by_words(searchable: Sequence[Document], held_back: Set[tuple[str, str]], collection: str) -> str:
    """Which documents of a collection are not searched as well as they will be, in Markdown; empty if all are.

    Those held back, as `Workspace.held_back` tells, are not searched at all yet.
    """
    here = [one for one in searchable if one.collection == collection]
    number = sum(one.state is State.SEARCHABLE and (one.collection, one.id) not in held_back for one in here)
    if not number:
        return ""
    are = "is searched by its words" if number == 1 else "are searched by their words"
    return f"{counted(number, 'document')} {are} only, until the vectors for searching by meaning are made."
