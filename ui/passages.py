"""Passages as text: on their page, with the quoted words marked, and a document's in reading order."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from rag.records import Chunk, Citation, Hit, Page
from ui.labels import heading_path, place
from ui.text import MARK

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
    number: int = 0
    """Of its footnote, if it has one."""

    @property
    def inside(self) -> list[tuple[int, int]]:
        """The highlights, (start, end) within `text`."""
        return [(first - self.start, last - self.start) for first, last in self.highlights]


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
        citation.number,
    )


def found(hit: Hit, collection: str) -> Passage:
    """The passage of a hit."""
    chunk = hit.chunk
    return Passage(collection, chunk.document_id, hit.name, chunk.page, *hit.span, hit.text, chunk.heading)


def of_chunk(chunk: Chunk, name: str, collection: str) -> Passage:
    """A chunk of a document of that name as a passage."""
    return Passage(collection, chunk.document_id, name, chunk.page, chunk.start, chunk.end, chunk.text, chunk.heading)


def passage_html(passage: Passage) -> str:
    """What was quoted, marked, where its page is not to be had."""
    return _paper(_marked(passage.text, passage.inside))


def page_html(page: Page, start: int, end: int, inside: Sequence[tuple[int, int]] = ()) -> str:
    """A page's text as HTML with document_text[start:end] marked, and what is far before it folded away.

    `inside` are the (start, end) within what is marked that are set in bold.
    """
    first = max(0, min(start - page.start, len(page.text)))
    last = max(first, min(end - page.start, len(page.text)))
    near = _line_start(page.text, first - NEAR)
    earlier, before = page.text[:near].strip("\n"), page.text[near:first]
    folded = (
        f'<details style="margin-bottom:.75rem"><summary style="cursor:pointer;opacity:.7">What comes before'
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
