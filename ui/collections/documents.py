"""The documents of a collection: a table to find them in, and what can be done with one or with several."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from rag.records import Census, Collection, Document, Listed, Listing, Standing
from rag.workspace import Workspace
from ui.collections.acting import delete, reread, tags_popover, transfer_popover
from ui.collections.details import draw_details
from ui.collections.elsewhere import tell_kind
from ui.collections.finding import choose_listing
from ui.collections.table import choose_document, draw_table, marked, marked_there
from ui.collections.trash import draw_trash
from ui.places import offer_upload
from ui.progress import watch
from ui.text import counted, escape_markdown, message_markdown, shortened

FAILURES_SHOWN = 20


def draw_documents(workspace: Workspace, collection: Collection) -> None:
    """Draw the view."""
    census = workspace.census(collection.name)
    editable = not workspace.settings.demo and collection.linked is None
    tell_kind(collection)
    draw_trash(workspace, collection.name)
    if census.standings.get(Standing.UNFINISHED):
        watch(workspace, briefly=True)
    if not census.documents:
        st.markdown("This collection is empty.")
        offer_upload(workspace, collection)
        return
    listing = choose_listing(collection.name, census)
    listed = draw_table(workspace, listing, census.documents, editable)
    if editable:
        _several(workspace, listing, listed, census)
    _failures(workspace, collection.name, census, editable)
    document = choose_document(workspace, collection.name, listed.documents)
    if document is not None:
        if editable and (there := marked_there(workspace, collection.name)):
            many = f"the {len(there):,} marked ones" if len(there) > 1 else "the marked one"
            st.caption(f"The buttons below are for this document alone, those above for {many}.")
        draw_details(workspace, document, census, editable)


def _several(workspace: Workspace, listing: Listing, listed: Listed, census: Census) -> None:
    """What can be done with the documents that are marked, be they on this page or on others."""
    collection, ids = listing.collection, marked_there(workspace, listing.collection)
    if not ids:
        return
    with st.container(border=True, key="several"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{counted(len(ids), 'document')}** marked", width="stretch")
            if listed.total > len(listed.documents):
                st.button(
                    f"Mark all {listed.total:,} that are found",
                    key="mark-all",
                    type="tertiary",
                    on_click=_mark_all,
                    args=(workspace, listing),
                )
            st.button("Clear", key="mark-none", type="tertiary", on_click=marked(collection).clear)
        with st.container(horizontal=True):
            tags_popover(workspace, collection, census, ids)
            transfer_popover(workspace, collection, ids, "several")
            given = (workspace, collection, ids)
            st.button("Read anew", key="reread-several", icon=":material/refresh:", on_click=reread, args=given)
            st.button("Delete", key="delete-several", icon=":material/delete:", on_click=delete, args=given)


def _mark_all(workspace: Workspace, listing: Listing) -> None:
    marked(listing.collection).update(workspace.listed_ids(listing))


def _failures(workspace: Workspace, collection: str, census: Census, editable: bool) -> None:
    """The documents that could not be indexed, each with why, and a way to try them all again or be rid of them."""
    number = census.standings.get(Standing.FAILED, 0)
    if not number:
        return
    failed = Listing(collection, standing=Standing.FAILED)
    with st.expander(f"{counted(number, 'document')} could not be indexed", icon=":material/error:", key="failures"):
        for one in workspace.listed(failed, 0, FAILURES_SHOWN).documents:
            _failure(one)
        if number > FAILURES_SHOWN:
            st.caption(f"And {number - FAILURES_SHOWN:,} more: choose them above to see why.")
        if editable:
            with st.container(horizontal=True):
                _for_all("Retry all that failed", ":material/refresh:", reread, workspace, failed)
                _for_all("Delete all that failed", ":material/delete:", delete, workspace, failed)


def _for_all(
    label: str, icon: str, act: Callable[[Workspace, str, Sequence[str]], None], workspace: Workspace, listing: Listing
) -> None:
    """A button that does something with all documents of a list."""

    def clicked() -> None:
        act(workspace, listing.collection, workspace.listed_ids(listing))

    st.button(label, icon=icon, on_click=clicked)


def _failure(one: Document) -> None:
    st.markdown(f"**{escape_markdown(shortened(one.name, 60))}**  \n:small[{message_markdown(one.reason)}]")
