"""A passage opened: the page it stands on, with the quoted words marked."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from rag.errors import NotFoundError
from rag.records import Chunk, Citation, Hit, Page
from rag.workspace import Workspace
from ui.dialogs import close_dialog
from ui.errors import friendly_errors
from ui.labels import heading_path, place
from ui.originals import download_button
from ui.text import MARK, escape_markdown

CHUNKS_A_PAGE = 10
NEAR = 260
"""Characters shown before the quote; what is earlier on the page is folded away, so the quote is in sight."""

_PAPER = (
    "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.55;font-size:.95rem;"
    "font-family:'Source Serif','Source Serif 4',serif;"
    "border:1px solid rgba(128,128,128,.35);border-radius:.5rem;padding:1rem 1.25rem"
)


@dataclass(frozen=True, slots=True)
class Passage:
    """Where something stands: `text` is `document_text[start:end]`, on `page` of a document of a collection.

    `highlights` are what counts in it, (start, end) in the document's text.
    """

    collection: str
    document: str
    name: str
    page: int
    start: int
    end: int
    text: str
    heading: str = ""
    highlights: tuple[tuple[int, int], ...] = ()


def cited(citation: Citation, collection: str) -> Passage:
    """The passage of a footnote."""
    return Passage(
        collection,
        citation.document,
        citation.name,
        citation.page,
        citation.start,
        citation.end,
        citation.quote,
        citation.heading,
        citation.highlights,
    )


def found(hit: Hit, collection: str) -> Passage:
    """The passage of a hit."""
    chunk = hit.chunk
    return Passage(collection, chunk.document_id, hit.name, chunk.page, *hit.span, hit.text, chunk.heading)


@st.dialog("Passage", width=880, icon=":material/format_quote:", on_dismiss=close_dialog)
def open_passage(workspace: Workspace, passage: Passage) -> None:
    """Show a passage in a dialog: document, page, headings, and the page's text with the passage marked."""
    with friendly_errors():
        row = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
        row.markdown(f"**{escape_markdown(passage.name)}** · {place(passage.name, passage.page)}")
        if passage.heading:
            st.caption(heading_path(passage.heading))
        page = None
        try:
            document = workspace.document(passage.document, passage.collection)
            page = next((one for one in workspace.pages(document) if one.number == passage.page), None)
            with row:
                download_button(workspace, document, "passage")
        except NotFoundError:
            st.caption("The document has been deleted since. This is what was quoted from it.")
        if page and page.ocr is not None:
            st.warning(
                f"This page was read by OCR (confidence {page.ocr:.0%}): check the original.",
                icon=":material/document_scanner:",
            )
        inside = [(first - passage.start, last - passage.start) for first, last in passage.highlights]
        html_of_page = page_html(page, passage.start, passage.end, inside) if page else None
        st.html(html_of_page or _paper(_marked(passage.text, inside)))


def page_html(page: Page, start: int, end: int, inside: Sequence[tuple[int, int]] = ()) -> str:
    """A page's text as HTML with document_text[start:end] marked, and what is far before it folded away.

    `inside` are the (start, end) within what is marked that are set in bold.
    """
    first = max(0, min(start - page.start, len(page.text)))
    last = max(first, min(end - page.start, len(page.text)))
    near = _line_start(page.text, first - NEAR)
    earlier, before = page.text[:near].strip("\n"), page.text[near:first]
    folded = (
        f'<details style="margin-bottom:.75rem"><summary style="cursor:pointer;opacity:.7">Earlier on this page'
        f"</summary>{html.escape(earlier)}</details>"
        if earlier
        else ""
    )
    marked = _marked(page.text[first:last], inside)
    return _paper(folded + html.escape(before.lstrip("\n")) + marked + html.escape(page.text[last:].rstrip()))


def _line_start(text: str, offset: int) -> int:
    """Where the line begins that has `offset` in it; 0 before the text."""
    return text.rfind("\n", 0, offset) + 1 if offset > 0 else 0


def _marked(text: str, inside: Sequence[tuple[int, int]] = ()) -> str:
    parts, done = [], 0
    for start, end in sorted(inside):
        if done <= start < end <= len(text):
            parts += [html.escape(text[done:start]), f"<strong>{html.escape(text[start:end])}</strong>"]
            done = end
    return f'<mark style="{MARK}">{"".join(parts)}{html.escape(text[done:])}</mark>'


def _paper(inner: str) -> str:
    return f'<div style="{_PAPER}">{inner}</div>'


def show_chunks(chunks: Sequence[Chunk], name: str, key: str, ocr: Mapping[int, float] = {}) -> None:
    """Passages of a document of that name in reading order, some at a time. `ocr` has the confidence of the pages that
    were read by OCR."""
    if not chunks:
        st.caption("It has no passages.")
        return
    pages = -(-len(chunks) // CHUNKS_A_PAGE)
    st.caption(
        "These are its passages, called chunks: the pieces that are searched and quoted, in reading order. "
        "Their positions count characters in the document's text."
    )
    number = st.pagination(pages, key=f"chunks-{key}") if pages > 1 else 1
    first = (number - 1) * CHUNKS_A_PAGE
    for position, chunk in enumerate(chunks[first : first + CHUNKS_A_PAGE], start=first + 1):
        _show_chunk(chunk, position, place(name, chunk.page), ocr.get(chunk.page))


def _show_chunk(chunk: Chunk, position: int, where: str, confidence: float | None) -> None:
    with st.container(border=True, gap="xsmall"):
        facts = [f"Chunk {position}", where, f"characters {chunk.start:,}–{chunk.end:,}"]
        if confidence is not None:
            facts.insert(2, f":orange[:material/document_scanner: read by OCR, confidence {confidence:.0%}]")
        if chunk.heading:
            facts.append(heading_path(chunk.heading))
        st.caption(" · ".join(facts))
        st.text(chunk.text)
