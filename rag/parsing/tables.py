"""Rows of cells as a table in a draft: which row has the column names, and where a sheet has several tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain, groupby, islice

from rag.parsing.draft import LINE, PARAGRAPH, Draft

Row = Sequence[str]

_ODD_SPACE = re.compile(r"[^\S ]\s*+| \s++")
_LOOKAHEAD = 20  # rows among which the header of a table is looked for
_AROUND_A_NUMBER = " \t()+-–−%$€£¥"
_NUMBER = re.compile(r"\d[\d.,'\s]*(?:[eE][+-]?\d+)?")
_YEAR = re.compile(r"(?:19|20)\d\d")


def clean_cell(text: str) -> str:
    """`text` on one line."""
    return _ODD_SPACE.sub(" ", text).strip()


def write_rows(draft: Draft, rows: Iterable[Row]) -> None:
    """Write rows whose header nobody has marked; empty ones divide them into blocks. Reads only a few rows ahead.

    The header is the first row of a block that can be one; what comes before it are lines of text. A later
    block without a clear header of its own goes on with the table before it.
    """
    draft.close_table()
    for filled, block in groupby(rows, key=any):
        if filled:
            _write_block(draft, block)


def write_table(draft: Draft, header: Sequence[Row], rows: Iterable[Row]) -> None:
    """Write a table whose header, of one row or several, is known."""
    draft.open_table([cell for row in header for cell in row], header)
    continue_rows(draft, rows)


def continue_rows(draft: Draft, rows: Iterable[Row]) -> None:
    """Write more rows of the table being written."""
    for row in rows:
        if any(row):
            draft.row(row)


def is_header(row: Row) -> bool:
    """Whether a row can have column names: two cells at least, none of them a number other than a year."""
    filled = [cell for cell in row if cell]
    return len(filled) > 1 and not any(map(_is_value, filled))


def _is_value(cell: str) -> bool:
    return _NUMBER.fullmatch(cell.strip(_AROUND_A_NUMBER)) is not None and not _YEAR.fullmatch(cell)


def _write_block(draft: Draft, block: Iterable[Row]) -> None:
    block = iter(block)
    head = list(islice(block, _LOOKAHEAD))
    at = _find_header(head, is_first=not draft.in_table)
    if at is not None:
        draft.close_table()
        for number, row in enumerate(head[:at]):
            draft.row(row, LINE if number else PARAGRAPH)
        draft.open_table(head[at])
        head = head[at + 1 :]
    elif not draft.in_table:
        draft.row(head.pop(0), PARAGRAPH)
    continue_rows(draft, chain(head, block))


def _find_header(head: Sequence[Row], is_first: bool) -> int | None:
    """The index of the header. Of a later block, where rows of mere text are more likely more of the same table,
    a header must stand before numbers."""
    for index, row in enumerate(head[:-1]):
        if is_header(row):
            return index if is_first or any(map(_is_value, head[index + 1])) else None
    return None


def compact(rows: Sequence[dict[int, str]]) -> list[list[str]]:
    """Rows of a grid as lists of cells. Columns beside each other of which no row fills both become one: they are
    one to the eye, as where a currency sign, or room, has a column of its own."""
    groups = _column_groups(rows)
    width = max(groups.values(), default=-1) + 1
    table = []
    for row in rows:
        cells = [""] * width
        for column, text in row.items():
            if text:
                cells[groups[column]] = text
        table.append(cells)
    return table


def _column_groups(rows: Sequence[dict[int, str]]) -> dict[int, int]:
    """Each column's place in the table. From the right: a name stands before its numbers rather than after a label."""
    filled_in: dict[int, set[int]] = {}
    for number, row in enumerate(rows):
        for column, text in row.items():
            if text:
                filled_in.setdefault(column, set()).add(number)
    groups: dict[int, int] = {}
    group, taken = 0, set[int]()
    for column in sorted(filled_in, reverse=True):
        if taken & filled_in[column]:
            group, taken = group - 1, set()
        taken = taken | filled_in[column]
        groups[column] = group
    return {column: place - group for column, place in groups.items()}
