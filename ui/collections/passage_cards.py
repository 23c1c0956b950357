"""Passages one below the other: what each says, where it stands, what was changed of it, and what can be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from rag.records import Chunk, ChunkState, FoundChunks, ListedChunk, position_of
from rag.workspace import Workspace
from ui.collections.passage_changes import delete, edit, hide, restore, show
from ui.dialogs import open_dialog
from ui.edited import badge, page_says
from ui.labels import heading_path, place
from ui.passages import of_chunk, plain_html
from ui.text import day, escape_markdown
from ui.viewer import open_viewer

_PREVIEWED = 10
_STATES = {ChunkState.HIDDEN: "Hidden", ChunkState.DELETED: "Deleted"}


def draw_cards(workspace: Workspace, collection: str, found: FoundChunks, editable: bool) -> None:
    """Some passages of a collection. A click on where one stands opens its page beside them."""
    passages = [of_chunk(one.chunk, one.name, collection) for one in found.chunks]
    for at, one in enumerate(found.chunks):
        chunk = one.chunk
        with st.container(border=True, gap="xsmall", key=f"passage-{chunk.id}"):
            st.button(
                f"**{escape_markdown(one.name)}** · {place(one.name, chunk.page)}",
                key=f"passage-open-{chunk.id}",
                type="tertiary",
                icon=":material/article:",
                help="Open the page beside the passages",
                wrap=True,
                on_click=open_viewer,
                args=(passages, at),
            )
            _facts(chunk, one.ocr, _told(one), found.why.get(chunk.id, ""))
            st.html(plain_html(chunk.text, found.marks.get(chunk.id, ())))
            if chunk.edited:
                st.caption(page_says(chunk.text, one.printed))
            if editable:
                _actions(workspace, collection, one)


def draw_preview(chunks: Sequence[Chunk], name: str, key: str) -> None:
    """The passages of a file that is not in a collection yet, some at a time."""
    if not chunks:
        st.caption("It has no passages.")
        return
    pages = -(-len(chunks) // _PREVIEWED)
    st.caption("These are its passages, called chunks: the pieces that are searched and quoted, in reading order.")
    first = ((st.pagination(pages, key=f"preview-{key}") if pages > 1 else 1) - 1) * _PREVIEWED
    for chunk in chunks[first : first + _PREVIEWED]:
        with st.container(border=True, gap="xsmall"):
            _facts(chunk, None, place(name, chunk.page))
            st.html(plain_html(chunk.text))


def _told(one: ListedChunk) -> str:
    """What was changed of a passage, in badges."""
    told = [badge(one.chunk.edited)] if one.chunk.edited else []
    if one.overlay and one.state in _STATES:
        when = f" {day(one.overlay.edited_at.astimezone())}" if one.overlay.edited_at and not one.chunk.edited else ""
        told.append(f":gray-badge[:material/visibility_off: {_STATES[one.state]}{when}]")
    return " ".join(told)


def _facts(chunk: Chunk, ocr: float | None, told: str, why: str = "") -> None:
    facts = [told] if told else []
    facts += [f":blue[{escape_markdown(why)}]"] if why else []
    facts += [f"Passage {position_of(chunk.id) + 1:,}", f"characters {chunk.start:,}–{chunk.end:,}"]
    if ocr is not None:
        facts.append(f":orange[:material/document_scanner: read by OCR, confidence {ocr:.0%}]")
    if chunk.heading:
        facts.append(heading_path(chunk.heading, 200))
    st.caption(" · ".join(facts))


def _actions(workspace: Workspace, collection: str, one: ListedChunk) -> None:
    def button(words: str, icon: str, about: str | None, on_click: Callable[..., None], *given: object) -> None:
        key = f"passage-{words.lower().replace(' ', '-')}-{one.chunk.id}"
        st.button(words, key=key, icon=icon, type="tertiary", help=about, on_click=on_click, args=given)

    given = (workspace, collection, one.chunk.id)
    with st.container(horizontal=True, gap="small"):
        button("Edit", ":material/edit:", None, open_dialog, edit, workspace, collection, one)
        if one.state is ChunkState.SHOWN:
            button("Hide", ":material/visibility_off:", "Nobody finds it until it is shown again", hide, *given)
        else:
            button("Show again", ":material/visibility:", None, show, *given)
        if one.state is not ChunkState.DELETED:
            button("Delete", ":material/delete:", "The document itself stays as it is", delete, *given)
        if one.overlay is not None:
            button("As it was read", ":material/restore:", "Take all changes of this passage back", restore, *given)
