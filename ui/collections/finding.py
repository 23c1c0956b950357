"""Which documents of a collection are listed, in which order: the widgets above their table."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from rag.records import Census, Listing, Order, Standing

FEW = 8
"""Documents that are seen at a glance: nobody needs to look for one, or to sort them."""
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


def choose_listing(collection: str, census: Census) -> Listing:
    """Widgets for what is listed, in which order; none while there is little to look through."""
    state = st.session_state
    keys = {part: f"list-{part}-{collection}" for part in ("words", "standing", "tag", "order")}
    for part, there in (("tag", census.tags), ("standing", census.standings)):
        if state.get(keys[part]) not in (None, *there):  # there were some
            state[keys[part]] = None
    if census.documents <= FEW and not any(state.get(keys[one]) for one in ("words", "standing", "tag")):
        return _sorted(Listing(collection), state.get(keys["order"]))

    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        words = st.text_input(
            "Find documents",
            key=keys["words"],
            placeholder="Name, title or tag",
            live=True,
            width=190,
            persist_state="session",
        )
        standing = st.selectbox(
            "State",
            [one for one in Standing if census.standings.get(one)],
            index=None,
            format_func=lambda one: f"{_STANDINGS[one]} ({census.standings.get(one, 0):,})",
            placeholder="Any state",
            key=keys["standing"],
            width=128,
            persist_state="session",
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
                width=128,
                persist_state="session",
            )
        order = st.selectbox(
            "Sorted by",
            list(_ORDERS),
            format_func=_ORDERS.__getitem__,
            key=keys["order"],
            width=176,
            help="Of all documents that are found, not only those on this page.",
            persist_state="session",
        )
    return _sorted(Listing(collection, (words or "").strip(), standing, tag or ""), order)


def _sorted(listing: Listing, order: tuple[Order, bool] | None) -> Listing:
    by, descending = order or (Order.NAME, False)
    return replace(listing, order=by, descending=descending)
