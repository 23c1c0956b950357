"""How a parse travels from the child process to the parent: JSON, with the pages' text only once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from rag import errors
from rag.records import Heading, Page, ParsedDocument

PAGE_BREAK = "\n\n"
"""Stands between two pages in a document's text."""

_ERRORS = {error.__name__: error for error in errors.DocumentError.__subclasses__()}


def page_starts(texts: Iterable[str]) -> list[int]:
    """The offset of each page in `PAGE_BREAK.join(texts)`."""
    starts, start = [], 0
    for text in texts:
        starts.append(start)
        start += len(text) + len(PAGE_BREAK)
    return starts


def encode_document(document: ParsedDocument) -> bytes:
    reply = {
        "title": document.title,
        "media_type": document.media_type,
        "parser": document.parser,
        "date": document.date,
        "pages": [(page.text, page.label, page.char_map) for page in document.pages],
        "headings": [(heading.level, heading.title, heading.offset, heading.end) for heading in document.headings],
    }
    return json.dumps(reply, ensure_ascii=False, separators=(",", ":")).encode()


def encode_error(error: errors.DocumentError) -> bytes:
    return json.dumps({"error": type(error).__name__, "message": str(error)}).encode()


def decode(reply: bytes) -> ParsedDocument:
    """The document of a reply. Raises the DocumentError that the reply carries, ValueError if it is neither."""
    fields = json.loads(reply)
    if not isinstance(fields, dict):
        raise ValueError("not a reply of the worker")
    if "error" in fields:
        raise _ERRORS.get(fields["error"], errors.DocumentError)(fields["message"])
    return _document(fields)


def _document(fields: dict[str, Any]) -> ParsedDocument:
    texts = [text for text, _, _ in fields["pages"]]
    pages = tuple(
        Page(number, text, start, label, tuple((offset, index) for offset, index in char_map))
        for number, (start, (text, label, char_map)) in enumerate(
            zip(page_starts(texts), fields["pages"], strict=True), start=1
        )
    )
    return ParsedDocument(
        title=fields["title"],
        media_type=fields["media_type"],
        text=PAGE_BREAK.join(texts),
        pages=pages,
        headings=tuple(Heading(*heading) for heading in fields["headings"]),
        parser=fields["parser"],
        date=fields["date"],
    )
