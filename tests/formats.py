"""Reads a file's bytes as the child process would, and checks on the way what holds for every format."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

from rag.chunking import chunk
from rag.parsing.draft import TABLE_LEVEL
from rag.parsing.formats import parse_bytes
from rag.parsing.limits import Limits
from rag.parsing.media import clean_title, media_type
from rag.parsing.wire import PAGE_BREAK, decode_document, encode_document
from rag.records import Chunk, ParsedDocument


def read(data: bytes, name: str, max_chars: int = 1_000_000, max_pages: int = 100) -> ParsedDocument:
    kind = media_type(name)
    assert kind is not None
    document = parse_bytes(data, name, kind, Limits(max_pages, max_chars, 60, 2000))
    assert document.media_type == kind
    assert decode_document(encode_document(document)) == document
    assert document.text == PAGE_BREAK.join(page.text for page in document.pages)
    assert [page.number for page in document.pages] == list(range(1, len(document.pages) + 1))
    for page in document.pages:
        assert document.text[page.start :][: len(page.text)] == page.text
    for heading in document.headings:
        begins, first = _without_bars(document.text[heading.offset :][:2000]), _without_bars(heading.title)[:100]
        assert begins.startswith(first), (heading, begins)
        assert (heading.end is not None) == (heading.level == TABLE_LEVEL)
    return document


def _without_bars(text: str) -> str:
    """`text` without spaces and bars: a table's title leaves out the columns without a name."""
    return re.sub(r"[\s|]", "", clean_title(text, len(text)))


def texts(document: ParsedDocument) -> list[str]:
    return [page.text for page in document.pages]


def headings(document: ParsedDocument) -> list[tuple[int, str]]:
    return [(one.level, one.title) for one in document.headings if one.level < TABLE_LEVEL]


def tables(document: ParsedDocument) -> list[tuple[str, str]]:
    """Column names and text of each table."""
    return [(one.title, document.text[one.offset : one.end]) for one in document.headings if one.level == TABLE_LEVEL]


def chunks(document: ParsedDocument, tokens: int = 60) -> list[Chunk]:
    return chunk(document, "d", tokens, lambda text: [match.span() for match in re.finditer(r"\S+", text)])


def saved(document: Any) -> bytes:
    """What a `python-docx`, `python-pptx` or `openpyxl` object writes."""
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def repacked(data: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """An Office file with its parts changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return buffer.getvalue()
