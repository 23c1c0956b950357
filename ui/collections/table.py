"""The table of a collection's documents: a page at a time, found, filtered and sorted by the catalog.

Rows are marked for what is done with several; a click anywhere else in a row opens its document. What is marked and
what is open is kept in the session, by the documents' ids, so that it stays through other pages, orders and searches.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import streamlit as st

from rag.errors import NotFoundError
from rag.records import UNFINISHED, Document, Failure, Listed, Listing, Order, State
from rag.workspace import Workspace
from ui.labels import distinguished
from ui.text import bytes_as_text, counted

A_PAGE = 50
_STATES = {
    State.QUEUED: "Waiting",
    State.INDEXING: "In progress",
    State.SEARCHABLE: "By words so far",
    State.READY: "Ready",
    State.FAILED: "Failed",
}
_COLUMNS: dict[str, Any] = {
    "Document": st.column_config.TextColumn(width=260, pinned=True),
    "State": st.column_config.TextColumn(
        width=84, help="A document is searched by its words as soon as it is read, and by meaning once it is ready."
    ),
    "Pages": st.column_config.NumberColumn(
        format="localized",
        width=54,
        help="Slides, sheets, and of files without pages, such as Word documents, the sections between breaks.",
    ),
    "Passages": st.column_config.NumberColumn(format="localized", width=74),
    "Tags": st.column_config.ListColumn(width=100),
    "Size": st.column_config.TextColumn(alignment="right", width=70),
    "Added": st.column_config.DateColumn(format="D MMM YYYY", width=94),
    "Dated": st.column_config.DateColumn(format="D MMM YYYY", width=94, help="Its own date, or the day it was added."),
}


_TAGGED = {"Document": st.column_config.TextColumn(width=180, pinned=True)}
"""Where there is a column more."""
_CLICKED: list[Any] = ["single-cell", "single-column"]
_BY_COLUMN = {
    "Document": Order.NAME,
    "Pages": Order.PAGES,
    "Passages": Order.PASSAGES,
    "Size": Order.SIZE,
    "Added": Order.ADDED,
    "Dated": Order.DATE,
}
"""A click on the head of one of these columns sorts by it, all documents and not only those on the page."""


def open_document(collection: str, document: str | None) -> None:
    """Open a document of the table, or none; before the table is drawn, or in callbacks."""
    st.session_state[f"document-{collection}"] = document


def open_next(collection: str, document: str) -> None:
    """Open a document when the page is drawn next."""
    st.session_state[f"open-{collection}"] = document


def marked(collection: str) -> set[str]:
    """The ids of the documents that are marked. To be changed in callbacks."""
    found: set[str] = st.session_state.setdefault(f"marked-{collection}", set())
    return found


def marked_there(workspace: Workspace, collection: str) -> list[str]:
    """The ids of the documents that are marked and have not gone since, sorted."""
    found = marked(collection)
    if found:
        found.intersection_update(workspace.listed_ids(Listing(collection)))
    return sorted(found)


def draw_table(workspace: Workspace, listing: Listing, total: int, markable: bool) -> Listed:
    """The table, a page of it; returns what is on it. `total` is how many documents there are at all, `markable` is
    whether anything can be done with several of them."""
    # Another one for another list: that begins with its first page.
    key = f"page-{_digest(repr(listing))}"
    place, number = st.container(), st.session_state.get(key, 1)
    listed = workspace.listed(listing, (number - 1) * A_PAGE, A_PAGE)
    pages = max(1, -(-listed.total // A_PAGE))
    shown = 1
    if pages > 1:
        with st.container(horizontal_alignment="center"):
            shown = st.pagination(pages, key=key, persist_state="session")
    if shown != number:  # there are fewer than there were
        listed = workspace.listed(listing, (shown - 1) * A_PAGE, A_PAGE)
    with place:
        if listed.total < total:
            st.caption(f"{listed.total:,} of {counted(total, 'document')}")
        if listed.documents:
            st.space("xxsmall")  # where the table's toolbar appears
            _draw(listed.documents, listing, markable)
        else:
            st.markdown("No document is like that. Look for less, or for something else.")
    return listed


def _digest(what: str) -> str:
    return hashlib.blake2b(what.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def _draw(documents: Sequence[Document], listing: Listing, markable: bool) -> None:
    collection, ids = listing.collection, [one.id for one in documents]
    there = marked(collection)
    # Another key for other rows: what is marked is known to the browser by the numbers of the rows.
    what = "\n".join([collection, *ids, *sorted(there.intersection(ids)), listing.order, str(listing.descending)])
    key = f"table-{_digest(what)}"

    def clicked() -> None:
        selection = st.session_state[key].selection
        if markable:
            there.difference_update(ids)
        there.update(ids[row] for row in selection.rows if row < len(ids))
        if selection.cells and selection.cells[0][0] < len(ids):
            open_document(collection, ids[selection.cells[0][0]])
        if selection.columns and (by := _BY_COLUMN.get(selection.columns[0])):
            # Once more on the same column: the other way round.
            descending = not listing.descending if by is listing.order else by is not Order.NAME
            st.session_state[f"list-order-{collection}"] = (by, descending)

    st.dataframe(
        table(documents, dated=listing.order is Order.DATE),
        hide_index=True,
        key=key,
        on_select=clicked,
        selection_mode=["multi-row", *_CLICKED] if markable else _CLICKED,
        selection_default={"selection": {"rows": [row for row, one in enumerate(ids) if one in there and markable]}},
        column_config=_COLUMNS | (_TAGGED if any(one.tags for one in documents) else {}),
        placeholder="–",
        alt="The documents of this collection",
    )


def table(documents: Sequence[Document], dated: bool = False) -> list[dict[str, Any]]:
    """The documents as rows, with their own dates if `dated`. Cells show their text literally: nothing is escaped."""
    tagged, times = any(one.tags for one in documents), Counter(one.name for one in documents)
    return [
        {
            "Document": one.name,
            "State": _state(one, times[one.name] > 1),
            "Pages": one.pages or None,
            "Passages": one.chunks or None,
            **({"Tags": list(one.tags)} if tagged else {}),
            "Size": bytes_as_text(one.bytes),
            **({"Dated": as_day(one.date)} if dated else {"Added": one.added_at.astimezone().date()}),
        }
        for one in documents
    ]


def as_day(number: int) -> date | None:
    """A day written as yyyymmdd; None for 0 and for what is no day."""
    try:
        return date(number // 10000, number // 100 % 100, number % 100)
    except ValueError:
        return None


def _state(document: Document, has_namesakes: bool) -> str:
    if document.replaces and has_namesakes and document.state in UNFINISHED:
        return "New version"  # beside what it takes the place of once it is ready
    if document.failure is Failure.CANCELLED:
        return "Cancelled"
    return "Being read anew" if document.served and document.visible else _STATES[document.state]


def choose_document(workspace: Workspace, collection: str, documents: Sequence[Document]) -> Document | None:
    """The document that is open: a box to choose one of those on the page in. One of another page stays open."""
    key = f"document-{collection}"
    if (following := st.session_state.pop(f"open-{collection}", None)) is not None:
        open_document(collection, following)
    there = {one.id: one for one in documents}
    chosen = st.session_state.get(key)
    if chosen is not None and chosen not in there:
        try:
            there[chosen] = workspace.document(chosen, collection)
        except NotFoundError:
            open_document(collection, None)
    if not there:
        return None
    names = distinguished(list(there.values()))
    st.selectbox(
        "Look into a document",
        list(there),
        index=None,
        key=key,
        format_func=lambda one: names.get(one, one),
        placeholder="Choose a document, or click its row",
        persist_state="session",
    )
    return there.get(st.session_state[key])
