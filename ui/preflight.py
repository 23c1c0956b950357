"""Before files are added: what checking them has found, file by file and together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from rag.records import Chunk, Preflight
from rag.settings import Settings
from rag.workspace import Workspace
from ui.basket import Basket, Item
from ui.collections.passage_cards import draw_preview
from ui.places import link_to_document
from ui.retrying import password_field
from ui.review import Review, table
from ui.text import counted, escape_markdown, message_markdown, shortened

MOST_NAMED = 5
"""Files listed with reasons, links or password fields; there may be hundreds."""
TALLEST = 420
"""Pixels of the table, which scrolls beyond."""

_COLUMNS: dict[str, Any] = {
    "Document": st.column_config.TextColumn(width=188, pinned=True),
    "What happens": st.column_config.TextColumn(width=122),
    "Pages": st.column_config.NumberColumn(format="localized", width=58),
    "No text": st.column_config.NumberColumn(
        width=66, help="Pages without text of their own, such as scans. They are read by OCR (text recognition)."
    ),
    "Passages": st.column_config.NumberColumn(
        format="localized",
        width=78,
        help="Pieces of a few sentences, which are what is searched and quoted. Also called chunks.",
    ),
    "New": st.column_config.NumberColumn(
        format="localized", width=55, help="Passages that are not in this collection yet. Only these take time."
    ),
    "Size": st.column_config.TextColumn(width=68),
    "Time": st.column_config.TextColumn(width=68, help="About how long it takes on this machine."),
}


def draw_table(review: Review, settings: Settings) -> None:
    """The table; clicking a row, once all is checked, chooses a file to look into."""

    def clicked() -> None:
        cells = st.session_state["preflight"].selection.cells
        st.session_state["looked_into"] = cells[0][0] if cells and cells[0][0] < len(review.items) else None

    rows = table(review, settings)
    st.dataframe(
        rows,
        hide_index=True,
        height=min(TALLEST, 37 + 35 * len(rows)),
        key="preflight",
        on_select="ignore" if review.pending() else clicked,
        selection_mode="single-cell",
        column_config=_COLUMNS,
        placeholder="",
        alt="The chosen files and what will happen to each",
    )


def explain(review: Review, settings: Settings) -> None:
    """What is left out and why, and what the table cannot say."""
    found = review.found()
    if unreadable := review.unreadable():
        with st.expander(f"{counted(len(unreadable), 'file')} cannot be read and will be left out"):
            for one in unreadable[:MOST_NAMED]:
                problem = one.found.problem if one.found else ""
                st.markdown(f"**{escape_markdown(shortened(one.name, 60))}**  \n:small[{message_markdown(problem)}]")
            _and_more(len(unreadable))
    if duplicates := [one for one in review.duplicates() if id(one) not in review.twins]:
        with st.expander(f"{counted(len(duplicates), 'file')} already there, left out"):
            for one in duplicates[:MOST_NAMED]:
                if one.found is not None and (there := one.found.duplicate_of) is not None:
                    link_to_document(there.collection, there.id, f"Open {escape_markdown(shortened(there.name, 50))}")
            _and_more(len(duplicates))
    blank = sum(len(one.blank_pages) for one in found if not one.problem)
    if blank and not settings.ocr:
        st.caption(f"{counted(blank, 'page')} without text will not be found: OCR is switched off (`RAG_OCR`).")


def _and_more(number: int) -> None:
    if number > MOST_NAMED:
        st.caption(f"And {number - MOST_NAMED:,} more, see the table.")


def ask_passwords(basket: Basket, review: Review) -> bool:
    """A field for each file that needs a password. True if one was given: it is checked again with it."""
    locked = review.locked()
    given = False
    for one in locked[:MOST_NAMED]:
        with st.form(f"unlock-{one.path.name}", clear_on_submit=True, border=False):
            with st.container(horizontal=True, vertical_alignment="bottom"):
                password = password_field(one.name)
                pressed = st.form_submit_button("Unlock", icon=":material/lock_open:")
            if one.tried and one.found is not None:
                st.caption(message_markdown(one.found.problem))
        if pressed and password:
            basket.unlock(one, password)
            given = True
    if len(locked) > MOST_NAMED:
        st.caption(f"{len(locked) - MOST_NAMED:,} more need theirs: they are asked for after these.")
    return given


def look_into(workspace: Workspace, basket: Basket, review: Review) -> None:
    """A file's passages as they will be cut, and a way to take the file out."""
    names = [one.name for one in review.items]
    if (st.session_state.get("looked_into") or 0) >= len(names):
        st.session_state["looked_into"] = None
    chosen = st.selectbox(
        "Look into a file",
        range(len(names)),
        index=None,
        key="looked_into",
        format_func=lambda number: names[number],
        placeholder="Choose a file, or click its row, to see its passages",
    )
    if chosen is None:
        return
    item = review.items[chosen]
    st.button("Take this file out", icon=":material/close:", on_click=_take_out, args=(basket, item))
    found = item.checked(review.collection)
    if found is None or found.problem:
        st.caption(message_markdown(found.problem) if found else "There is nothing to show of it before it is added.")
        return
    chunks = _preview(workspace, found, review.collection)
    if found.blank_pages:
        st.caption(f"Without what OCR will read on {counted(len(found.blank_pages), 'page')}.")
    draw_preview(chunks, found.name, found.document)


def _take_out(basket: Basket, item: Item) -> None:
    basket.remove([item])
    st.session_state["looked_into"] = None


def _preview(workspace: Workspace, found: Preflight, collection: str) -> Sequence[Chunk]:
    key = (found.document, collection)
    if st.session_state.get("preview", (None,))[0] != key:
        with st.spinner("Cutting it into passages…"):
            st.session_state["preview"] = (key, workspace.preview(found, collection))
    chunks: list[Chunk] = st.session_state["preview"][1]
    return chunks
