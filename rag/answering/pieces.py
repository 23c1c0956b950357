"""A passage in pieces: its sentences, and the rows of its tables each on its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rag.answering.spans import figures
from rag.answering.tables import APART, CELL, lead_of, rows_of

_LINE = re.compile(r"[^\n]*\S[^\n]*")
_WORD = re.compile(r"\w+")
_NUMBERED = re.compile(r"\s*(?:\d{1,3}(?:\.\d+)*[.)]|\([a-z]\))\s+")
_ITEM = re.compile(r"\s*[•*–-] ")
_RUN_IN = re.compile(r"[^|\d]*(?:(?:19|20)\d\d\s+)+(?:19|20)\d\d(?=\s+[^\W\d_])")
_HEADING = 80  # code points
_SHORT = 4  # words of a heading that ends in a full stop


@dataclass(frozen=True, slots=True)
class Piece:
    """At `text[start:end]`; `lead` is what it stands below: the head of its table or a heading, else empty."""

    start: int
    end: int
    is_row: bool = False
    lead: tuple[int, int] = (0, 0)


def divided(text: str, sentences: Sequence[tuple[int, int]], only_rows: bool = False) -> list[Piece]:
    """The pieces of a passage in their order. `only_rows`: it is a table whose columns' names stand in its heading."""
    lines = list(_LINE.finditer(text))
    leads = _leads(lines, only_rows)
    found: list[Piece] = []
    heading = (0, 0)
    for start, end in sentences:
        for begin, close, lead in _parts(start, end, lines, leads):
            if lead is not None:
                found.append(Piece(begin, close, True, lead))
                continue
            found.append(Piece(begin, close, lead=heading))
            if is_heading(text[begin:close]):
                heading = (begin, close)
    return found


def _leads(lines: Sequence[re.Match[str]], only_rows: bool) -> dict[int, tuple[int, int]]:
    """The lines that are rows, each with the place of its table's head."""
    shown = [line.group() for line in lines]
    if only_rows:
        return dict.fromkeys((number for number, line in enumerate(shown) if CELL in line), (0, 0))
    found: dict[int, tuple[int, int]] = {}
    last, lead = -APART, (0, 0)
    for number in rows_of(shown):
        if number - last > APART:
            first = lead_of(shown, number)
            lead = (lines[first].start(), lines[number - 1].end()) if first < number else (0, 0)
            if years := _RUN_IN.match(shown[number]):  # the names of the columns, on the first row's line
                lead = (lines[first].start(), lines[number].start() + years.end())
        found[number], last = lead, number
    return found


def _parts(
    start: int, end: int, lines: Sequence[re.Match[str]], leads: Mapping[int, tuple[int, int]]
) -> Iterator[tuple[int, int, tuple[int, int] | None]]:
    """A sentence as its rows, each with its lead, and what is no row, whole but for the items of a list."""
    inside = [number for number, line in enumerate(lines) if line.start() < end and start < line.end()]
    items = [number for number in inside if _ITEM.match(lines[number].group())]

    def part(number: int) -> tuple[int, tuple[int, int] | None]:
        if number in leads:
            return number, leads[number]
        return -1 - max((one for one in items if one <= number), default=-1), None

    for (_, lead), run in groupby(inside, key=part):
        numbers = list(run)
        begin, close = max(start, lines[numbers[0]].start()), min(end, lines[numbers[-1]].end())
        yield begin, close, lead


def is_heading(text: str) -> bool:
    """Whether it says nothing itself but what follows is about: a short line without a full stop, or a few words after
    a number."""
    numbered = _NUMBERED.match(text)
    words = len(_WORD.findall(text[numbered.end() :] if numbered else text))
    if numbered and words <= _SHORT:
        return True
    return words > 0 and len(text) <= _HEADING and text.rstrip()[-1:] not in tuple(".!?:;,。！？") and not figures(text)
