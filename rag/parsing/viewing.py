"""A page as it is seen: its image, and where on it some of its text stands. Runs in the child process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image

from rag.parsing.boxes import Run
from rag.parsing.media import PDF
from rag.records import Box, PageView

DPI = 150
MAX_SIDE = 2000
"""Pixels of the longer side: twice what a screen shows of a whole page, so that it can be enlarged."""
GAP = 1.0
"""Of a line's height, both as shares of the page: boxes with a wider gap stay apart, as cells of a table do."""
ON_LINE = 0.3
"""Of the lower one's height two boxes on one line share so much."""


def view_page(path: Path, media_type: str, number: int, runs: Sequence[Run], password: str = "") -> PageView:
    """Page `number` (from 1) of a PDF or an image; boxes are those of `runs`, of a PDF. Raises DocumentErrors."""
    if media_type == PDF:
        return _pdf_page(path, number - 1, runs, password)
    from rag.parsing.image import load_frame

    return _view(load_frame(path, number - 1, MAX_SIDE), ())


def _pdf_page(path: Path, index: int, runs: Sequence[Run], password: str) -> PageView:
    from rag.parsing.pdfium import boxes, opened, rendered

    with opened(path, password) as document:
        pixels = rendered(document, index, DPI / 72, MAX_SIDE)
        found = lines(boxes(document, index, runs)) if runs else ()
    return _view(Image.fromarray(pixels[:, :, ::-1]), found)


def _view(image: Image.Image, found: Iterable[Box]) -> PageView:
    written = BytesIO()
    image.save(written, "PNG", compress_level=3)
    return PageView(written.getvalue(), image.width, image.height, tuple(found))


def lines(found: Iterable[Box]) -> list[Box]:
    """Boxes, in reading order, as one for each line: PDFium has several where the font changes."""
    joined: list[Box] = []
    for box in found:
        if joined and _goes_on(joined[-1], box):
            last = joined.pop()
            box = (min(last[0], box[0]), min(last[1], box[1]), max(last[2], box[2]), max(last[3], box[3]))
        joined.append(box)
    return joined


def _goes_on(one: Box, other: Box) -> bool:
    heights = one[3] - one[1], other[3] - other[1]  # that of a comma or a dash is its own, not its line's
    shared = min(one[3], other[3]) - max(one[1], other[1])
    apart = max(other[0] - one[2], one[0] - other[2])
    return shared > ON_LINE * min(heights) and apart < GAP * max(heights)
