"""Passages as text: on their page, with the quoted words marked."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rag.records import Chunk, Citation, Hit, Page
from ui.text import MARK

NEAR = 260
"""Characters shown before the quote; what is earlier on the page is folded away, so the quote is in sight."""

_PAPER = (
    "white-space:pre-wrap;overflow-wrap:break-word;line-height:1.55;font-size:.95rem;"
    "font-family:'Source Serif','Source Serif 4',serif;"
    "border:1px solid rgba(128,128,128,.35);border-radius:.5rem;padding:1rem 1.25rem"
)
_PLAIN = (
    "white-space:pre-wrap;overflow-wrap:break-word;unicode-bidi:plaintext;line-height:1.5;font-size:.95rem;"
    "overflow:auto;max-height:"
)


@dataclass(frozen=True, slots=True)
class Passage:
    """Where something stands: `text` is `document_text[start:end]`, on `page` of a document of a collection.

    If it was `edited` by hand, `text` is what it says since, and `printed` what the document says, as far as known.

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
    edited: datetime | None = None
    printed: str = ""

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
        citation.edited,
        citation.printed,
    )


def found(hit: Hit, collection: str) -> Passage:
    """The passage of a hit."""
    chunk = hit.chunk
    where = (collection, chunk.document_id, hit.name, chunk.page, *hit.span)
    return Passage(*where, hit.text, chunk.heading, edited=chunk.edited)


def of_chunk(chunk: Chunk, name: str, collection: str) -> Passage:
    """A chunk of a document of that name as a passage."""
    where = (collection, chunk.document_id, name, chunk.page, chunk.start, chunk.end)
    return Passage(*where, chunk.text, chunk.heading, edited=chunk.edited)


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
        f"</summary>{_escaped(earlier)}</details>"
        if earlier
        else ""
    )
    marked = _marked(page.text[first:last], inside)
    return _paper(folded + _escaped(before.lstrip("\n")) + marked + _escaped(page.text[last:].rstrip()))


def _line_start(text: str, offset: int) -> int:
    """Where the line begins that has `offset` in it; 0 before the text."""
    return text.rfind("\n", 0, offset) + 1 if offset > 0 else 0


def _marked(text: str, inside: Sequence[tuple[int, int]] = ()) -> str:
    parts, done = [], 0
    for start, end in sorted(inside):
        if done <= start < end <= len(text):
            parts += [_escaped(text[done:start]), f"<strong>{_escaped(text[start:end])}</strong>"]
            done = end
    return f'<mark style="{MARK}">{"".join(parts)}{_escaped(text[done:])}</mark>'


def _escaped(text: str) -> str:
    """For HTML, and with spaces at which lines may break: those of many PDFs are all non-breaking ones."""
    return html.escape(text.replace("\N{NO-BREAK SPACE}", " "))


def _paper(inner: str) -> str:
    return f'<div style="{_PAPER}">{inner}</div>'


def plain_html(text: str, marks: Sequence[tuple[int, int]] = (), height: str = "24rem") -> str:
    """A passage as it reads, in the direction of its script, `height` high at most; `marks` are the (start, end) in it
    that are marked."""
    parts, done = [], 0
    for start, end in sorted(marks):
        if done <= start < end <= len(text):
            parts += [_escaped(text[done:start]), f'<mark style="{MARK}">{_escaped(text[start:end])}</mark>']
            done = end
    inner = "".join(parts) + _escaped(text[done:])
    return f'<div dir="auto" style="{_PLAIN}{height}">{inner}</div>'
