"""Detecting lines of text in bands of a page, one at a time: memory follows the band's size, not the page's.

A line near a band's edge is whole in the next band, which overlaps it. What is cut in both (a title higher than the
overlap, text that runs sideways) is put together again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

HEIGHT = 480
OVERLAP = 160
"""Pixels of the page as it is read: a line of text has 20 to 60 of them."""
_EDGE = 4
"""A box that ends this near to a band's edge is taken to be cut by it."""
_SAME = 0.5
"""Of a box, covered by another: it is the same line."""

Box = Any
"""Corners of a line, an array of 4 x (x, y), from the upper left one clockwise."""
_Frame = tuple[float, float, float, float]


def bands(height: int) -> list[tuple[int, int]]:
    """The rows from and to of each band of a page of `height` rows: all of one height, evenly spread."""
    if height <= HEIGHT:
        return [(0, height)]
    count = -(-(height - OVERLAP) // (HEIGHT - OVERLAP))
    return [(int(top), int(top) + HEIGHT) for top in np.linspace(0, height - HEIGHT, count)]


def joined(found: Iterable[tuple[tuple[int, int], Iterable[Box]]], height: int) -> list[Box]:
    """The lines of a page of `height` rows from those of its bands, whose boxes count rows from the band's top."""
    whole: list[Box] = []
    cut: list[Box] = []
    for (top, bottom), boxes in found:
        for box in boxes:
            moved = np.add(box, (0, top), dtype=np.float32)
            _left, first, _right, last = _frame(moved)
            is_cut = (top > 0 and first <= top + _EDGE) or (bottom < height and last >= bottom - _EDGE)
            (cut if is_cut else whole).append(moved)
    lines: list[Box] = []
    for box in sorted([*whole, *_pieced(cut)], key=_area, reverse=True):
        if not any(_covered(box, line) > _SAME for line in lines):
            lines.append(box)
    return lines


def _pieced(cut: Sequence[Box]) -> list[Box]:
    """Boxes that were cut, those on top of each other as one."""
    pieces: list[Box] = []
    for box in sorted(cut, key=lambda one: _frame(one)[1]):
        under = next((index for index, piece in enumerate(pieces) if _continues(piece, box)), None)
        if under is None:
            pieces.append(box)
        else:
            pieces[under] = _around(pieces[under], box)
    return pieces


def _continues(above: Box, below: Box) -> bool:
    one, other = _frame(above), _frame(below)
    shared = min(one[2], other[2]) - max(one[0], other[0])
    return other[1] <= one[3] and shared > _SAME * min(one[2] - one[0], other[2] - other[0])


def _around(one: Box, other: Box) -> Box:
    left, top, right, bottom = _frame(np.concatenate([one, other]))
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)


def _covered(box: Box, by: Box) -> float:
    """The share of `box` that lies in `by`."""
    one, other = _frame(box), _frame(by)
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0) * max(height, 0) / max(_area(box), 1)


def _area(box: Box) -> float:
    left, top, right, bottom = _frame(box)
    return (right - left) * (bottom - top)


def _frame(corners: Box) -> _Frame:
    """The smallest upright box around `corners`: left, top, right, bottom."""
    (left, top), (right, bottom) = np.min(corners, axis=0).tolist(), np.max(corners, axis=0).tolist()
    return left, top, right, bottom
