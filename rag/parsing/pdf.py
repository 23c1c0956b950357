"""PDF: bytes -> pages of text. PDFium reads it; pypdf helps where PDFium cannot."""

from __future__ import annotations

from rag.errors import DamagedError, EmptyDocumentError, NoTextError
from rag.parsing import outline
from rag.parsing.characters import CharMap, clean_page, divided_words
from rag.parsing.garbled import is_garbled
from rag.parsing.limits import Limits
from rag.parsing.media import PDF
from rag.parsing.raw import BLANK, RawPdf
from rag.parsing.wire import PAGE_BREAK, page_starts
from rag.records import Page, ParsedDocument

MAX_BREAKPOINTS = 1_000_000
"""Of all pages together, about 100 MB; a page beyond them goes without, so its quotes get no boxes."""


def parse_pdf(data: bytes, name: str, limits: Limits, with_pdfium: bool = True, password: str = "") -> ParsedDocument:
    """Raises EmptyDocumentError, EncryptedError, DamagedError or TooLargeError, NoTextError where OCR is no help."""
    if not data.strip():
        raise EmptyDocumentError("The file is empty: upload one with content.")
    raw, engine = _read(data, limits, with_pdfium, password)
    if not raw.texts:
        raise EmptyDocumentError("The PDF has no pages: export it again.")
    replaced = _second_look(data, raw, limits, password) if engine.startswith("pdfium") else {}
    pages = _clean(raw, replaced, keep_maps=engine.startswith("pdfium"))
    texts = [text for text, _ in pages]
    needs_ocr = _needs_ocr(raw, replaced) if engine.startswith("pdfium") else ()
    if not needs_ocr:
        _require_text(texts, raw, engine)
    return _document(raw, pages, name, _parser(engine, replaced, texts), needs_ocr)


def _read(data: bytes, limits: Limits, with_pdfium: bool, password: str) -> tuple[RawPdf, str]:
    if with_pdfium:
        from rag.parsing import pdfium

        try:
            raw = pdfium.read(data, limits, password)
        except DamagedError:  # pypdf may still make something of it
            pass
        else:
            if raw.texts:
                return raw, pdfium.ENGINE
    from rag.parsing import pypdf_engine

    return pypdf_engine.read(data, limits, password), pypdf_engine.ENGINE


def _second_look(data: bytes, raw: RawPdf, limits: Limits, password: str) -> dict[int, str]:
    """pypdf's text of the pages on which PDFium found none, and more than pictures."""
    blank = [index for index, text in enumerate(raw.texts) if not text.strip(BLANK) and index not in raw.pictures]
    if not blank:
        return {}
    from rag.parsing import pypdf_engine  # its import alone takes longer than most PDFs

    return pypdf_engine.read_pages(data, blank, limits, password)


def _needs_ocr(raw: RawPdf, replaced: dict[int, str]) -> tuple[int, ...]:
    """Numbers (from 1) of the pages that show something but have no text, or a garbled one."""
    garbled = {index for index, text in enumerate(raw.texts) if is_garbled(text)}
    return tuple(index + 1 for index in sorted((raw.visible | garbled) - set(replaced)))


def _clean(raw: RawPdf, replaced: dict[int, str], keep_maps: bool) -> list[tuple[str, CharMap]]:
    divided = divided_words(raw.texts)
    pages: list[tuple[str, CharMap]] = []
    breakpoints = 0
    for index, text in enumerate(raw.texts):
        cleaned, char_map = clean_page(replaced.get(index, text), divided)
        breakpoints += len(char_map)
        mapped = keep_maps and index not in replaced and breakpoints <= MAX_BREAKPOINTS
        pages.append((cleaned, char_map if mapped else ()))
    return pages


def _require_text(texts: list[str], raw: RawPdf, engine: str) -> None:
    if any(text.strip() for text in texts):
        return
    if raw.broken:
        raise DamagedError("The PDF's pages cannot be read: download or export it again.")
    if engine.startswith("pdfium"):  # which would have seen something
        raise EmptyDocumentError("The PDF's pages are blank: export it again.")
    raise NoTextError("The PDF has no text and its pages cannot be shown for OCR: save or print it anew.")


def _parser(engine: str, replaced: dict[int, str], texts: list[str]) -> str:
    if not replaced:
        return engine
    from rag.parsing import pypdf_engine

    from_pdfium = any(text.strip() for index, text in enumerate(texts) if index not in replaced)
    return f"{engine} + {pypdf_engine.ENGINE}" if from_pdfium else pypdf_engine.ENGINE


def _document(
    raw: RawPdf, pages: list[tuple[str, CharMap]], name: str, parser: str, needs_ocr: tuple[int, ...]
) -> ParsedDocument:
    texts = [text for text, _ in pages]
    starts = page_starts(texts)
    labels = [*raw.labels, *[""] * len(pages)]
    return ParsedDocument(
        title=outline.title(raw.title, name),
        media_type=PDF,
        text=PAGE_BREAK.join(texts),
        pages=tuple(
            Page(index + 1, text, starts[index], outline.page_label(labels[index], index + 1), char_map)
            for index, (text, char_map) in enumerate(pages)
        ),
        headings=outline.headings(raw.outline, texts, starts),
        parser=parser,
        date=outline.created_on(raw.created),
        needs_ocr=needs_ocr,
    )
