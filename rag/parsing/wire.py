"""How what was read travels from the child process to the parent: JSON, with the pages' text only once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from rag import errors
from rag.records import Box, Heading, OcrLine, OcrPage, Page, PageView, ParsedDocument

PAGE_BREAK = "\n\n"
"""Stands between two pages in a document's text."""

DONE = b"done\n"
"""What the child says when its reply is whole."""

_ERRORS: dict[str, type[errors.RagError]] = {
    error.__name__: error for error in (*errors.DocumentError.__subclasses__(), errors.MissingDependencyError)
}


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
        "needs_ocr": document.needs_ocr,
        "headings": [(heading.level, heading.title, heading.offset, heading.end) for heading in document.headings],
    }
    return json.dumps(reply, ensure_ascii=False, separators=(",", ":")).encode()


def encode_ocr(page: OcrPage) -> bytes:
    lines = [(line.text, line.confidence, line.box) for line in page.lines]
    return json.dumps({"number": page.number, "lines": lines, "engine": page.engine}).encode()


def encode_view(page: PageView) -> bytes:
    """A line of JSON, then the image."""
    fields = {"width": page.width, "height": page.height}
    return json.dumps(fields).encode() + b"\n" + page.image


def encode_error(error: errors.RagError) -> bytes:
    return json.dumps({"error": type(error).__name__, "message": str(error)}).encode()


def decode(reply: bytes) -> dict[str, Any]:
    """The fields of a reply. Raises the error that it carries instead."""
    fields: dict[str, Any] = json.loads(reply)
    if "error" in fields:
        raise _ERRORS.get(fields["error"], errors.DocumentError)(fields["message"])
    return fields


def decode_document(reply: bytes) -> ParsedDocument:
    """Raises the DocumentError that the reply carries instead."""
    return _document(decode(reply))


def decode_ocr(reply: bytes) -> OcrPage:
    """Raises the DocumentError or MissingDependencyError that the reply carries instead."""
    fields = decode(reply)
    lines = tuple(OcrLine(text, confidence, tuple(box)) for text, confidence, box in fields["lines"])
    return OcrPage(fields["number"], lines, fields["engine"])


def decode_view(reply: bytes) -> PageView:
    """Raises the DocumentError that the reply carries instead."""
    first, _, image = reply.partition(b"\n")
    fields = decode(first)
    return PageView(image, fields["width"], fields["height"])


def encode_boxes(found: Iterable[Iterable[Box]]) -> bytes:
    return json.dumps({"boxes": [list(boxes) for boxes in found]}).encode()


def decode_boxes(reply: bytes) -> list[tuple[Box, ...]]:
    """Raises the DocumentError that the reply carries instead."""
    return [tuple((left, top, right, bottom) for left, top, right, bottom in one) for one in decode(reply)["boxes"]]


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
        needs_ocr=tuple(fields["needs_ocr"]),
    )
