"""A page as it is seen: its image, and apart from it where some of its text stands. Runs in the child process."""

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


def view_page(path: Path, media_type: str, number: int, password: str = "") -> PageView:
    """Page `number` (from 1) of a PDF or an image, without boxes. Raises DocumentErrors."""
    image = _pdf_page(path, number - 1, password) if media_type == PDF else _frame(path, number - 1)
    written = BytesIO()
    image.save(written, "PNG", compress_level=3)
    return PageView(written.getvalue(), image.width, image.height)


def _pdf_page(path: Path, index: int, password: str) -> Image.Image:
    from rag.parsing.pdfium import opened, rendered

    with opened(path, password) as document:
        pixels = rendered(document, index, DPI / 72, MAX_SIDE)
    return Image.fromarray(pixels[:, :, ::-1])


def _frame(path: Path, index: int) -> Image.Image:
    from rag.parsing.image import load_frame

    return load_frame(path, index, MAX_SIDE)


def boxes_on(path: Path, number: int, runs: Sequence[Run], password: str = "") -> list[list[Box]]:
    """The boxes of each run of characters on page `number` (from 1) of a PDF. Raises DocumentErrors."""
    from rag.parsing.pdfium import boxes, opened

    with opened(path, password) as document:
        return [lines(boxes(document, number - 1, [run])) for run in runs]


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
