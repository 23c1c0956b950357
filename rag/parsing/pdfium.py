"""The fast engine: PDFium gives text with the character indices that boxes are drawn by, labels and outline."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice

import pypdfium2  # type: ignore[import-untyped]  # it ships no types, and there are none elsewhere
import pypdfium2.raw as pdfium_c  # type: ignore[import-untyped]  # the same
from pypdfium2.version import PYPDFIUM_INFO  # type: ignore[import-untyped]  # the same

from rag.errors import DamagedError, EncryptedError
from rag.parsing.characters import HYPHEN_MARKER
from rag.parsing.limits import Limits
from rag.parsing.raw import MAX_OUTLINE_DEPTH, MAX_OUTLINE_ENTRIES, OutlineEntry, RawPdf, check_chars, check_pages

ENGINE = f"pdfium {PYPDFIUM_INFO.tag}"

_UNSURE_UNITS = frozenset({0x0002, 0xFFFE})
"""What the extracted text has for a hyphen at the end of a line, but for other things as well."""


def read(data: bytes, limits: Limits) -> RawPdf:
    """Everything of a PDF. Raises EncryptedError, TooLargeError, and DamagedError where PDFium cannot open it."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pdfium_c.FPDF_ERR_PASSWORD:
            raise EncryptedError("The PDF asks for a password: remove the password and upload it again.") from error
        raise DamagedError("The PDF is damaged: download or export it again.") from error
    with closing(document):
        check_pages(len(document), limits)
        texts, broken = _texts(document, limits)
        return RawPdf(
            texts=texts,
            labels=[_readable(document.get_page_label, index) for index in range(len(document))],
            outline=list(_outline(document)),
            title=_readable(document.get_metadata_value, "Title"),
            created=_readable(document.get_metadata_value, "CreationDate"),
            broken=broken,
        )


def _texts(document: pypdfium2.PdfDocument, limits: Limits) -> tuple[list[str], frozenset[int]]:
    texts: list[str] = []
    broken: set[int] = set()
    total = 0
    for index in range(len(document)):
        with _text_page(document, index) as text_page:
            if text_page is None:
                broken.add(index)
            texts.append(_characters(text_page, limits) if text_page else "")
        total += len(texts[-1])
        check_chars(total, limits)
    return texts, frozenset(broken)


@contextmanager
def _text_page(document: pypdfium2.PdfDocument, index: int) -> Iterator[ctypes.c_void_p | None]:
    page = pdfium_c.FPDF_LoadPage(document.raw, index)
    text_page = pdfium_c.FPDFText_LoadPage(page) if page else None
    try:
        yield text_page or None
    finally:
        if text_page:
            pdfium_c.FPDFText_ClosePage(text_page)
        if page:
            pdfium_c.FPDF_ClosePage(page)


def _characters(text_page: ctypes.c_void_p, limits: Limits) -> str:
    """A page's characters, one per PDFium index; those outside the basic plane, which have two, joined.

    The text as a whole is ten times faster than one character at a time, but it has one sign for hyphens
    and for characters without a code, and may leave out the latter: its places are then not PDFium's.
    """
    count = max(pdfium_c.FPDFText_CountChars(text_page), 0)
    check_chars(count, limits)
    buffer = (ctypes.c_ushort * (count + 1))()
    written = pdfium_c.FPDFText_GetText(text_page, 0, count, buffer)
    unsure: Sequence[int] = range(count)
    if written == count + 1:
        unsure = [index for index, unit in enumerate(buffer) if unit in _UNSURE_UNITS and index < count]
    for index in unsure:
        buffer[index] = _unit(text_page, index)
    return bytes(memoryview(buffer).cast("B")[: 2 * count]).decode("utf-16-le", "surrogatepass")


def _unit(text_page: ctypes.c_void_p, index: int) -> int:
    """One UTF-16 unit: the marker for a hyphen that ends a line, 0 for a character without a code."""
    if pdfium_c.FPDFText_IsHyphen(text_page, index) == 1:
        return ord(HYPHEN_MARKER)
    code = int(pdfium_c.FPDFText_GetUnicode(text_page, index))
    return code if code < ord(HYPHEN_MARKER) else 0


def _readable(read_text: Callable[..., str], *arguments: object) -> str:
    """What is read, or nothing where it is not valid UTF-16: a label or a title is not worth a document."""
    try:
        return read_text(*arguments)
    except UnicodeDecodeError:
        return ""


def _outline(document: pypdfium2.PdfDocument) -> Iterator[OutlineEntry]:
    """The entries that lead to a page of this document, circular ones once."""
    for bookmark in islice(document.get_toc(MAX_OUTLINE_DEPTH), MAX_OUTLINE_ENTRIES):
        destination = bookmark.get_dest()
        page = destination.get_index() if destination else None
        if page is not None and page < len(document):
            yield OutlineEntry(bookmark.level + 1, _readable(bookmark.get_title), page)
