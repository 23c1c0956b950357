"""The fast engine: PDFium gives text with the character indices that boxes are drawn by, labels and outline."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pypdfium2  # type: ignore[import-untyped]  # it ships no types, and there are none elsewhere
import pypdfium2.raw as pdfium_c  # type: ignore[import-untyped]  # the same
from pypdfium2.version import PYPDFIUM_INFO  # type: ignore[import-untyped]  # the same

from rag.errors import DamagedError
from rag.parsing.characters import HYPHEN_MARKER
from rag.parsing.limits import Limits
from rag.parsing.raw import (
    BLANK,
    MAX_OUTLINE_DEPTH,
    MAX_OUTLINE_ENTRIES,
    OutlineEntry,
    RawPdf,
    check_chars,
    check_pages,
    encrypted,
)
from rag.records import Box

ENGINE = f"pdfium {PYPDFIUM_INFO.tag}"

THUMBNAIL = 300
"""Pixels of the longer side of the image that shows whether a page is blank."""
MAX_OBJECTS_SEEN = 1000
SHARE_OF_TIME = 0.5
"""After this share of the time limit, pages without text are no longer looked at."""

_FINE = 100_000
"""Steps along a page's side in which places on it are counted."""

_UNSURE_UNITS = frozenset({0x0002, 0xFFFE})
"""What the extracted text has for a hyphen at the end of a line, but for other things as well."""


def read(data: bytes, limits: Limits, password: str = "") -> RawPdf:
    """Everything of a PDF. Raises EncryptedError, TooLargeError, and DamagedError where PDFium cannot open it."""
    with opened(data, password) as document:
        check_pages(len(document), limits)
        texts, broken = _texts(document, limits)
        blank = [index for index, text in enumerate(texts) if index not in broken and not text.strip(BLANK)]
        kinds = {index: _object_kinds(document, index) for index in blank}
        return RawPdf(
            texts=texts,
            labels=[_readable(document.get_page_label, index) for index in range(len(document))],
            outline=list(_outline(document)),
            title=_readable(document.get_metadata_value, "Title"),
            created=_readable(document.get_metadata_value, "CreationDate"),
            broken=broken,
            visible=frozenset(index for index in blank if _is_visible(document, index, kinds[index], limits)),
            pictures=frozenset(index for index in blank if kinds[index] == {pdfium_c.FPDF_PAGEOBJ_IMAGE}),
        )


def decrypt(path: Path, password: str, target: Path) -> None:
    """Write a copy of a PDF that opens without a password. Raises EncryptedError or DamagedError."""
    with opened(path, password) as document:
        document.save(target, flags=pdfium_c.FPDF_REMOVE_SECURITY)


@contextmanager
def opened(source: bytes | Path, password: str = "") -> Iterator[pypdfium2.PdfDocument]:
    """The PDF, closed afterwards. Raises EncryptedError, and DamagedError where PDFium cannot open it."""
    try:
        document = pypdfium2.PdfDocument(source, password=password or None)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pdfium_c.FPDF_ERR_PASSWORD:
            raise encrypted(password) from error
        raise DamagedError("The PDF is damaged: download or export it again.") from error
    with closing(document):
        document.init_forms()  # for pages that are rendered: what is filled in is part of them
        yield document


def rendered(document: pypdfium2.PdfDocument, index: int, scale: float, max_side: int) -> Any:
    """A page (from 0) as an array of height x width x (blue, green, red), its longer side at most `max_side` pixels.

    Raises DamagedError.
    """
    try:
        with closing(document[index]) as page:
            scale = min(scale, max_side / max(*page.get_size(), 1))
            with closing(page.render(scale=scale)) as bitmap:
                return bitmap.to_numpy()[:, :, :3].copy()
    except (pypdfium2.PdfiumError, IndexError) as error:
        raise DamagedError(f"Page {index + 1} of the PDF cannot be shown: export it again.") from error


def boxes(document: pypdfium2.PdfDocument, index: int, runs: Sequence[tuple[int, int]]) -> Iterator[Box]:
    """Where runs of characters, each (first index, how many), stand on a page as it is rendered, in reading order.

    A box has the room that its font gives the characters, not just their ink: a dash and a comma can be seen in theirs,
    and all of a line are alike. Where that is not known, of text that is turned say, it is what their ink takes.
    """
    with _text_page(document, index) as (page, text_page):
        if page is None or text_page is None:
            return
        for first, count in runs:
            found = [_rectangle(text_page, at) for at in range(pdfium_c.FPDFText_CountRects(text_page, first, count))]
            for place in range(first, first + count):
                _grow(found, text_page, place)
            for one in found:
                yield _on_page(page, *one)


def _rectangle(text_page: ctypes.c_void_p, at: int) -> list[float]:
    """Left, bottom, right and top of one of the rectangles that were counted last, in the page's own units."""
    left, top, right, bottom = (ctypes.c_double() for _ in range(4))
    pdfium_c.FPDFText_GetRect(text_page, at, left, top, right, bottom)
    return [left.value, bottom.value, right.value, top.value]


def _grow(rectangles: Sequence[list[float]], text_page: ctypes.c_void_p, place: int) -> None:
    """Make the rectangle that has a character in it large enough for that one's room."""
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    loose = pdfium_c.FS_RECTF()
    if not pdfium_c.FPDFText_GetCharBox(text_page, place, left, right, bottom, top):
        return
    if not pdfium_c.FPDFText_GetLooseCharBox(text_page, place, loose) or right.value <= left.value:
        return
    x, y = (left.value + right.value) / 2, (bottom.value + top.value) / 2
    for one in rectangles:
        if one[0] <= x <= one[2] and one[1] <= y <= one[3]:
            one[0], one[2] = min(one[0], loose.left, loose.right), max(one[2], loose.left, loose.right)
            one[1], one[3] = min(one[1], loose.bottom, loose.top), max(one[3], loose.bottom, loose.top)
            return


def _on_page(page: ctypes.c_void_p, left: float, bottom: float, right: float, top: float) -> Box:
    corners = []
    for x, y in ((left, top), (right, bottom)):  # turned and cropped as the page is
        across, down = ctypes.c_int(), ctypes.c_int()
        pdfium_c.FPDF_PageToDevice(page, 0, 0, _FINE, _FINE, 0, x, y, across, down)
        corners.append((min(max(across.value / _FINE, 0.0), 1.0), min(max(down.value / _FINE, 0.0), 1.0)))
    (one, above), (other, below) = corners
    return min(one, other), min(above, below), max(one, other), max(above, below)


def _object_kinds(document: pypdfium2.PdfDocument, index: int) -> set[int]:
    """The kinds of what stands on a page, annotations as -1."""
    with closing(document[index]) as page:
        count = min(pdfium_c.FPDFPage_CountObjects(page), MAX_OBJECTS_SEEN)
        kinds = {pdfium_c.FPDFPageObj_GetType(pdfium_c.FPDFPage_GetObject(page, place)) for place in range(count)}
        return kinds | ({-1} if pdfium_c.FPDFPage_GetAnnotCount(page) else set())


def _is_visible(document: pypdfium2.PdfDocument, index: int, kinds: set[int], limits: Limits) -> bool:
    """Whether a page shows something. A picture counts unseen: looking at one is slow, and hardly one is white."""
    if not kinds or pdfium_c.FPDF_PAGEOBJ_IMAGE in kinds or limits.share_spent() > SHARE_OF_TIME:
        return bool(kinds)
    with closing(document[index]) as page:
        scale = THUMBNAIL / max(*page.get_size(), 1)
        with closing(page.render(scale=scale, grayscale=True)) as bitmap:
            pixels = bytes(bitmap.buffer)
    return pixels.count(pixels[:1]) < len(pixels)


def _texts(document: pypdfium2.PdfDocument, limits: Limits) -> tuple[list[str], frozenset[int]]:
    texts: list[str] = []
    broken: set[int] = set()
    total = 0
    for index in range(len(document)):
        with _text_page(document, index) as (_, text_page):
            if text_page is None:
                broken.add(index)
            texts.append(_characters(text_page, limits) if text_page else "")
        total += len(texts[-1])
        check_chars(total, limits)
    return texts, frozenset(broken)


@contextmanager
def _text_page(
    document: pypdfium2.PdfDocument, index: int
) -> Iterator[tuple[ctypes.c_void_p | None, ctypes.c_void_p | None]]:
    """A page and its text, each None where PDFium cannot load it."""
    page = pdfium_c.FPDF_LoadPage(document.raw, index)
    text_page = pdfium_c.FPDFText_LoadPage(page) if page else None
    try:
        yield page or None, text_page or None
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
