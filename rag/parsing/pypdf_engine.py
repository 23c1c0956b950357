"""The careful engine: pypdf is pure Python, so it cannot crash, and twenty times slower than PDFium.

It reads what PDFium cannot open, what made PDFium crash, and pages on which PDFium finds no text.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import islice, takewhile
from typing import Any

import pypdf
from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

from rag.errors import DamagedError, EncryptedError
from rag.parsing.limits import Limits
from rag.parsing.raw import (
    MAX_OUTLINE_DEPTH,
    MAX_OUTLINE_ENTRIES,
    OutlineEntry,
    RawPdf,
    check_chars,
    check_pages,
    encrypted,
)

ENGINE = f"pypdf {pypdf.__version__}"

FAILURES = (
    PyPdfError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,  # RecursionError and NotImplementedError are such
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pypdf raises for one damaged file or another. Memory and time limits are not among them."""

SHARE_OF_TIME = 0.7
"""A second look at pages without text ends at this share of the time limit: scans are many pages of nothing."""


def read(data: bytes, limits: Limits, password: str = "") -> RawPdf:
    """Everything of a PDF. Raises EncryptedError, TooLargeError, and DamagedError where pypdf cannot open it."""
    reader, count = _open(data, password)
    check_pages(count, limits)
    texts, broken = _texts(reader, count, limits)
    return RawPdf(
        texts=texts,
        labels=_labels(reader, count),
        outline=_outline(reader),
        title=_metadata(reader, "/Title"),
        created=_metadata(reader, "/CreationDate"),
        broken=broken,
    )


def read_pages(data: bytes, indices: Iterable[int], limits: Limits, password: str = "") -> dict[int, str]:
    """The text of some pages (index from 0), without those on which pypdf finds none either."""
    try:
        reader, count = _open(data, password)
    except (DamagedError, EncryptedError):  # PDFium could open it: its word counts
        return {}
    in_time = takewhile(lambda _: limits.share_spent() < SHARE_OF_TIME, indices)
    texts = ((index, _page_text(reader, index)) for index in in_time if index < count)
    return {index: text for index, text in texts if text and text.strip()}


def _open(data: bytes, password: str) -> tuple[pypdf.PdfReader, int]:
    try:
        reader = pypdf.PdfReader(BytesIO(data), password=password or None)
        return reader, len(reader.pages)
    except FileNotDecryptedError as error:
        raise encrypted(password) from error
    except (*FAILURES, DependencyError) as error:
        raise DamagedError("The PDF is damaged: download or export it again.") from error


def _texts(reader: pypdf.PdfReader, count: int, limits: Limits) -> tuple[list[str], frozenset[int]]:
    texts: list[str] = []
    broken: set[int] = set()
    total = 0
    for index in range(count):
        text = _page_text(reader, index)
        if text is None:
            broken.add(index)
        texts.append(text or "")
        total += len(texts[-1])
        check_chars(total, limits)
    return texts, frozenset(broken)


def _page_text(reader: pypdf.PdfReader, index: int) -> str | None:
    try:
        return reader.pages[index].extract_text()
    except FAILURES:
        return None


def _labels(reader: pypdf.PdfReader, count: int) -> list[str]:
    try:
        return [str(label) for label in reader.page_labels]
    except FAILURES:
        return [""] * count


def _metadata(reader: pypdf.PdfReader, key: str) -> str:
    try:
        return str(dict(reader.metadata or {}).get(key) or "")
    except FAILURES:
        return ""


def _outline(reader: pypdf.PdfReader) -> list[OutlineEntry]:
    try:
        return list(islice(_entries(reader, reader.outline, 1), MAX_OUTLINE_ENTRIES))
    except FAILURES:
        return []


def _entries(reader: pypdf.PdfReader, nested: Iterable[Any], level: int) -> Iterator[OutlineEntry]:
    for entry in nested:
        if isinstance(entry, list):
            if level < MAX_OUTLINE_DEPTH:
                yield from _entries(reader, entry, level + 1)
        elif (page := reader.get_destination_page_number(entry)) is not None:
            yield OutlineEntry(level, str(entry.title), page)
