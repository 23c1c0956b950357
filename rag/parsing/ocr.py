"""What OCR read, put into order and into the document. The reading itself is in recogniser.py, in a child process."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from rag.parsing.outline import place
from rag.parsing.wire import PAGE_BREAK, page_starts
from rag.records import Heading, OcrLine, OcrPage, Page, ParsedDocument

_COLUMN_LINES = 4
"""Fewer lines than this side by side are no column."""
_COLUMN_WIDTH = 0.2
"""Of the page, for half of a column's lines: the cells of a table are narrower."""
_ACROSS = 0.2
"""Of the lines may run across both columns: titles, footers, wide tables."""


def with_ocr(document: ParsedDocument, read: Sequence[OcrPage]) -> ParsedDocument:
    """`document` with what OCR read in place of the text of those pages, which need no OCR any more.

    Where it found nothing a page keeps what it had. A heading on a page that was read stands where OCR has its title.
    """
    found = {page.number: page for page in read if page.lines}
    texts = [_text(found[page.number]) if page.number in found else page.text for page in document.pages]
    starts = page_starts(texts)
    pages = tuple(
        _page(page, found.get(page.number), text, start)
        for page, text, start in zip(document.pages, texts, starts, strict=True)
    )
    engines = sorted({page.engine for page in found.values()} - set(document.parser.split(" + ")))
    done = {page.number for page in read}
    return replace(
        document,
        text=PAGE_BREAK.join(texts),
        pages=pages,
        headings=_headings(document, pages, frozenset(found)),
        parser=" + ".join([document.parser, *engines]),
        needs_ocr=tuple(number for number in document.needs_ocr if number not in done),
    )


def _text(page: OcrPage) -> str:
    return "\n".join(line.text for line in page.lines)


def _page(page: Page, read: OcrPage | None, text: str, start: int) -> Page:
    if read is None:
        return replace(page, start=start)
    return replace(page, text=text, start=start, char_map=(), ocr=_confidence(read.lines))


def _confidence(lines: Sequence[OcrLine]) -> float:
    """The mean over the characters."""
    characters = sum(len(line.text) for line in lines)
    return sum(line.confidence * len(line.text) for line in lines) / max(characters, 1)


def _headings(document: ParsedDocument, pages: Sequence[Page], read: frozenset[int]) -> tuple[Heading, ...]:
    before = [page.start for page in document.pages]

    def moved(offset: int, title: str = "") -> int:
        index = bisect_right(before, offset) - 1
        page = pages[index]
        if page.number not in read:
            return page.start + offset - before[index]
        return page.start + (place(title, page.text) if title else min(offset - before[index], len(page.text)))

    found = (
        replace(one, offset=moved(one.offset, one.title), end=None if one.end is None else moved(one.end))
        for one in document.headings
    )
    return tuple(sorted(found, key=lambda heading: heading.offset))


def reading_order(lines: Sequence[OcrLine]) -> list[OcrLine]:
    """Rows from the top, each from the left; where the page has two columns of text, the left one before the right.

    A line across both columns ends them: what is above it is read before what is below.
    """
    gutter = _gutter(lines)
    if gutter is None:
        return _rows(lines)
    ordered: list[OcrLine] = []
    band: list[OcrLine] = []
    for line in sorted(lines, key=_middle):
        if _crosses(line, gutter):
            ordered += [*_columns(band, gutter), line]
            band = []
        else:
            band.append(line)
    return ordered + _columns(band, gutter)


def _columns(band: Sequence[OcrLine], gutter: float) -> list[OcrLine]:
    return _rows([line for line in band if line.box[2] <= gutter]) + _rows(
        [line for line in band if line.box[2] > gutter]
    )


def _gutter(lines: Sequence[OcrLine]) -> float | None:
    """Where the white between two columns of running text is, as a share of the page's width; None without columns."""
    candidates = [place / 100 for place in range(35, 66)]
    best = min(candidates, key=_count_crossing(lines), default=0.5)
    if _count_crossing(lines)(best) > _ACROSS * len(lines):
        return None
    sides = (
        [line for line in lines if line.box[2] <= best],
        [line for line in lines if line.box[0] >= best],
    )
    return best if all(_is_column(side) for side in sides) else None


def _count_crossing(lines: Sequence[OcrLine]) -> Callable[[float], int]:
    return lambda gutter: sum(_crosses(line, gutter) for line in lines)


def _crosses(line: OcrLine, gutter: float) -> bool:
    return line.box[0] < gutter < line.box[2]


def _is_column(lines: Sequence[OcrLine]) -> bool:
    if len(lines) < _COLUMN_LINES:
        return False
    return median(line.box[2] - line.box[0] for line in lines) >= _COLUMN_WIDTH


def _rows(lines: Sequence[OcrLine]) -> list[OcrLine]:
    rows: list[list[OcrLine]] = []
    for line in sorted(lines, key=_middle):
        if rows and _middle(line) < rows[-1][0].box[3] and line.box[1] < _middle(rows[-1][0]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda one: one.box[0])]


def _middle(line: OcrLine) -> float:
    return (line.box[1] + line.box[3]) / 2
