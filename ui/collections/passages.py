"""The passages of a collection: read in order, found, corrected, hidden."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from rag.errors import RagError
from rag.records import By, ChunkSearch, Collection, FoundChunks, Which
from rag.workspace import Workspace
from ui.collections.elsewhere import tell_kind
from ui.collections.passage_cards import draw_cards
from ui.collections.passage_changes import draw_loose, found_key, offer_undo
from ui.collections.passage_search import choose_wanted
from ui.errors import show_error
from ui.places import offer_upload
from ui.text import counted

A_PAGE = 10
WHAT = (
    "Passages, also called chunks, are the pieces of documents that are searched and quoted. What you correct here is "
    "laid over what was read: the document stays as it is, and answers say that the passage was edited."
)


def read_passages(collection: str, document: str) -> None:
    """Go to the passages of a document; for callbacks on the Collections page."""
    st.session_state["collections_view"] = "Passages"
    st.session_state[f"passages-document-{collection}"] = document


def draw_passages(workspace: Workspace, collection: Collection) -> None:
    """Draw the view."""
    tell_kind(collection)
    if not collection.documents:
        st.markdown("This collection is empty.")
        offer_upload(workspace, collection)
        return
    wanted = choose_wanted(workspace, collection.name)
    offer_undo(workspace)
    if wanted.by is not By.ORDER and not wanted.text.strip():
        st.caption("Type what to look for.")
        return
    try:
        found = _found(workspace, wanted)
    except RagError as error:  # a pattern or a filter that is not right: what was typed stays to be mended
        show_error(error)
        return
    draw_loose(workspace, collection)
    st.caption(_total(found, wanted), help=WHAT)
    if found.total:
        editable = not workspace.settings.demo and collection.linked is None
        draw_cards(workspace, collection.name, found, editable)


def _found(workspace: Workspace, wanted: ChunkSearch) -> FoundChunks:
    """What is found, of which one page is drawn. What was ranked or looked through is not done again for the next."""
    name = found_key(wanted.collection)
    if wanted.by is By.ORDER:
        first = _first(workspace.find_chunks(replace(wanted, limit=0)).total, wanted)
        return workspace.find_chunks(replace(wanted, offset=first, limit=A_PAGE))
    known: tuple[ChunkSearch, FoundChunks] | None = st.session_state.get(name)
    found = known[1] if known and known[0] == wanted else None
    if found is None:
        with st.spinner("Looking through the passages…"):
            found = workspace.find_chunks(replace(wanted, limit=0))
        st.session_state[name] = (wanted, found)
    first = _first(found.total, wanted)
    return replace(found, chunks=tuple(workspace.listed_chunks(wanted.collection, found.ids[first : first + A_PAGE])))


def _first(total: int, wanted: ChunkSearch) -> int:
    """The number of the first passage of the page that is chosen, from 0."""
    pages = -(-total // A_PAGE)
    if pages < 2:
        return 0
    # Another key for another search: it begins at the first page.
    return (int(st.pagination(pages, key=f"passages-page-{hash(wanted)}")) - 1) * A_PAGE


def _total(found: FoundChunks, wanted: ChunkSearch) -> str:
    if wanted.by is By.ORDER:
        changed = " changed by hand" if wanted.which is Which.CHANGED else ""
        there = f"{counted(found.total, 'passage')}{changed}"
        return f"{there}, in the order they are read." if found.total else _nothing(wanted)
    if not found.total and found.complete:
        return f"Nothing found in {counted(found.looked, 'passage')}." if found.looked else _nothing(wanted)
    best = "The best " if found.more and wanted.by is not By.REGEX else ""
    told = f"{best}{counted(found.total, 'passage')} found"
    if wanted.by is By.REGEX:
        told += f" in the first {found.looked:,}" if not found.complete else f" in {found.looked:,}"
    if not found.complete:
        why = "there are more than can be shown" if found.more else "the pattern took too long"
        return f":orange[{told}: {why}.] Choose a document, or look for something more special."
    return f"{told}."


def _nothing(wanted: ChunkSearch) -> str:
    if wanted.which is Which.CHANGED:
        return "No passage was changed by hand."
    if wanted.where or wanted.document:
        return "No passage is found. Take a filter away, or look for something else."
    return "There is no passage yet." if wanted.by is By.ORDER else "No passage is found. Look for something else."
