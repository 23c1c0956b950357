"""The table of a collection's documents: a page at a time, found, filtered and sorted by the catalog.

Rows are marked for what is done with several; a click anywhere else in a row opens its document. What is marked and
what is open is kept in the session, by the documents' ids, so that it stays through other pages, orders and searches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any

import streamlit as st

from rag.errors import NotFoundError
from rag.records import Census, Document, Failure, Listed, Listing, Order, Standing, State
from rag.workspace import Workspace
from ui.labels import distinguished
from ui.text import counted

A_PAGE = 50
FEW = 8
"""Documents that are seen at a glance: nobody needs to look for one, or to sort them."""
_STATES = {
    State.QUEUED: "Waiting",
    State.INDEXING: "In progress",
    State.SEARCHABLE: "By words so far",
    State.READY: "Ready",
    State.FAILED: "Failed",
}
_STANDINGS = {
    Standing.READY: "Ready",
    Standing.UNFINISHED: "In progress",
    Standing.FAILED: "Failed",
    Standing.CANCELLED: "Cancelled",
}
_ORDERS = {
    (Order.NAME, False): "Name, A to Z",
    (Order.NAME, True): "Name, Z to A",
    (Order.ADDED, True): "Added, latest first",
    (Order.ADDED, False): "Added, earliest first",
    (Order.DATE, True): "Dated, latest first",
    (Order.DATE, False): "Dated, earliest first",
    (Order.SIZE, True): "Size, largest first",
    (Order.SIZE, False): "Size, smallest first",
    (Order.PAGES, True): "Pages, most first",
    (Order.PAGES, False): "Pages, fewest first",
    (Order.PASSAGES, True): "Passages, most first",
    (Order.PASSAGES, False): "Passages, fewest first",
}
_COLUMNS: dict[str, Any] = {
    "Document": st.column_config.TextColumn(width=196, pinned=True),
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
    "Dated": st.column_config.DateColumn(format="D MMM YYYY", width=94, help="Its own date, or the day it was added."),
}


def open_document(collection: str, document: str | None) -> None:
    """Open a document of the table, or none; before the table is drawn, or in callbacks."""
    st.session_state[f"document-{collection}"] = document


def marked(collection: str) -> set[str]:
    """The ids of the documents that are marked. To be changed in callbacks."""
    found: set[str] = st.session_state.setdefault(f"marked-{collection}", set())
    return found


def choose_listing(collection: str, census: Census) -> Listing:
    """Widgets for what is listed, in which order; none while there is little to look through."""
    state = st.session_state
    keys = {part: f"list-{part}-{collection}" for part in ("words", "standing", "tag", "order")}
    if state.get(keys["tag"]) not in (None, *census.tags):
        state[keys["tag"]] = None
    if census.documents <= FEW and not any(state.get(keys[one]) for one in ("words", "standing", "tag")):
        return Listing(collection)

    def first_page() -> None:
        state[f"page-{collection}"] = 1

    given: dict[str, Any] = {"on_change": first_page, "persist_state": "session"}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        words = st.text_input(
            "Find documents", key=keys["words"], placeholder="Name, title or tag", live=True, width=232, **given
        )
        standing = st.selectbox(
            "State",
            [one for one in Standing if census.standings.get(one)],
            index=None,
            format_func=lambda one: f"{_STANDINGS[one]} ({census.standings.get(one, 0):,})",
            placeholder="Any state",
            key=keys["standing"],
            width=140,
            **given,
        )
        tag = None
        if census.tags:
            tag = st.selectbox(
                "Tag",
                list(census.tags),
                index=None,
                format_func=lambda one: f"{one} ({census.tags.get(one, 0):,})",
                placeholder="Any tag",
                key=keys["tag"],
                width=140,
                **given,
            )
        order = st.selectbox(
            "Sorted by",
            list(_ORDERS),
            format_func=_ORDERS.__getitem__,
            key=keys["order"],
            width=176,
            help="Of all documents that are found, not only those on this page.",
            **given,
        )
    by, descending = order or (Order.NAME, False)
    return Listing(collection, (words or "").strip(), standing, tag or "", by, descending)


def choose_document(workspace: Workspace, listing: Listing, total: int) -> tuple[Document | None, Listed]:
    """The table, and the document that is open, if one is. `total` is how many documents there are at all."""
    collection = listing.collection
    page_key = f"page-{collection}"
    first = (st.session_state.get(page_key, 1) - 1) * A_PAGE
    listed = workspace.listed(listing, first, A_PAGE)
    pages = max(1, -(-listed.total // A_PAGE))
    if first and not listed.documents:  # there are fewer than there were
        st.session_state[page_key] = pages
        listed = workspace.listed(listing, (pages - 1) * A_PAGE, A_PAGE)
    if listed.total < total:
        st.caption(f"{listed.total:,} of {counted(total, 'document')}")
    if not listed.documents:
        st.markdown("No document is like that. Look for less, or for something else.")
    else:
        st.space("xxsmall")  # where the table's toolbar appears
        _draw(listed.documents, listing)
    if pages > 1:
        with st.container(horizontal_alignment="center"):
            st.pagination(pages, key=page_key)
    return _opened(workspace, collection, listed.documents), listed


def _draw(documents: Sequence[Document], listing: Listing) -> None:
    collection, ids = listing.collection, [one.id for one in documents]
    there = marked(collection)
    # Another key for other rows: what is marked is known to the browser by the numbers of the rows.
    what = "\n".join([*ids, *sorted(there), str(st.session_state.get(f"table-turn-{collection}", 0))])
    key = f"table-{collection}-{hashlib.blake2b(what.encode(), digest_size=8).hexdigest()}"

    def clicked() -> None:
        selection = st.session_state[key].selection
        there.difference_update(ids)
        there.update(ids[row] for row in selection.rows if row < len(ids))
        if selection.cells and selection.cells[0][0] < len(ids):
            open_document(collection, ids[selection.cells[0][0]])

    st.dataframe(
        table(documents, dated=listing.order is Order.DATE),
        hide_index=True,
        key=key,
        on_select=clicked,
        selection_mode=["multi-row", "single-cell"],
        selection_default={"selection": {"rows": [row for row, one in enumerate(ids) if one in there]}},
        column_config=_COLUMNS,
        placeholder="–",
        alt="The documents of this collection",
    )


def table(documents: Sequence[Document], dated: bool = False) -> list[dict[str, Any]]:
    """The documents as rows, with their own dates if `dated`. Cells show their text literally: nothing is escaped."""
    tagged = any(one.tags for one in documents)
    return [
        {
            "Document": one.name,
            "State": _state(one),
            "Pages": one.pages or None,
            "Passages": one.chunks or None,
            **({"Tags": list(one.tags)} if tagged else {}),
            "Size": one.bytes,
            **({"Dated": as_day(one.date)} if dated else {"Added": one.added_at}),
        }
        for one in documents
    ]


def as_day(number: int) -> date | None:
    """A day written as yyyymmdd; None for 0 and for what is no day."""
    try:
        return date(number // 10000, number // 100 % 100, number % 100)
    except ValueError:
        return None


def _state(document: Document) -> str:
    if document.failure is Failure.CANCELLED:
        return "Cancelled"
    return "Being read anew" if document.served and document.visible else _STATES[document.state]


def _opened(workspace: Workspace, collection: str, documents: Sequence[Document]) -> Document | None:
    """A box to choose one of the documents in, or another one that is open."""
    key = f"document-{collection}"
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
