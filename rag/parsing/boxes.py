"""Where a part of a page's text stands: by PDFium's characters, or by the lines that OCR has read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from rag.records import Box, OcrPage, Page

Run = tuple[int, int]
"""PDFium's first character index, and how many characters."""

CAPITAL, LETTER = 0.68, 0.53
_WIDTHS = dict.fromkeys(" ijlftrI.,;:'’!|()[]/-", 0.3) | dict.fromkeys("mwMW@%—", 0.86)
"""Of characters in common fonts, in ems."""


def character_run(page: Page, start: int, end: int) -> Run | None:
    """PDFium's characters of `page.text[start:end]`, white space at its ends left out; None without a map."""
    part = page.text[start:end]
    first = start + len(part) - len(part.lstrip())
    last = start + len(part.rstrip()) - 1
    if not page.char_map or last < first:
        return None
    offsets = [offset for offset, _ in page.char_map]

    def index(offset: int) -> int:
        at, base = page.char_map[bisect_right(offsets, offset) - 1]
        return base + offset - at

    return index(first), index(last) - index(first) + 1


def ocr_boxes(read: OcrPage, start: int, end: int) -> Iterator[Box]:
    """The boxes of text[start:end] of a page that OCR has read. Of a part of a line it is known only about where it
    stands: in proportion to the usual widths of its characters."""
    offset = 0
    for line in read.lines:
        length = len(line.text)
        first, last = max(start - offset, 0), min(end - offset, length)
        if first < last:
            left, top, right, bottom = line.box
            step = (right - left) / _width(line.text)
            yield left + _width(line.text[:first]) * step, top, left + _width(line.text[:last]) * step, bottom
        offset += length + 1  # a line break


def _width(text: str) -> float:
    return sum(_WIDTHS.get(character, CAPITAL if character.isupper() else LETTER) for character in text)
