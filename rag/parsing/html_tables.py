"""The tables of an HTML file that hold data, as rows of cells; those that only lay out a page are not."""

from __future__ import annotations

from typing import Any

from lxml import etree

from rag.parsing.html_source import BLOCKS, HEADINGS, is_shown
from rag.parsing.tables import Row, clean_cell, compact

_LONGEST_SPAN = 1000  # columns or rows, as in the standard
_WIDEST_TABLE = 200  # columns; a cell beyond them covers none in the rows below
_BEFORE = {"$", "€", "£", "¥", "(", "$(", "€(", "£("}
_AFTER = {")", "%", ")%", "%)"}


def tables_around_others(root: Any) -> set[Any]:
    """The tables that have tables in them."""
    outer = (next(table.iterancestors("table"), None) for table in root.iter("table"))
    return {table for table in outer if table is not None}


def table_rows(table: Any) -> tuple[list[Row], list[Row]] | None:
    """The header rows, if the table marks them, and the others; None for a table without data.

    A table of data has two rows of two filled cells, and no headings in it. `table` has no others in it.
    """
    if next(table.iter(*HEADINGS), None) is not None:
        return None
    grid, headers = _grid(table)
    if sum(len(row) > 1 for row in grid) < 2:
        return None
    rows = compact([_with_signs(row) for row in grid])
    return list(rows[:headers]), list(rows[headers:])


def _grid(table: Any) -> tuple[list[dict[int, str]], int]:
    """The filled cells of each row by column, and how many rows at the top are headers."""
    grid: list[dict[int, str]] = []
    taken: dict[int, int] = {}  # column -> the last row that a cell of a row above covers
    headers = 0
    for number, tr in enumerate(row for row in table.iter("tr") if is_shown(row)):
        cells = [cell for cell in tr if cell.tag in ("td", "th") and is_shown(cell)]
        if headers == number and cells and _is_marked(tr, cells):
            headers += 1
        grid.append(_row(cells, taken, number))
    return grid, headers if headers < len(grid) else 0


def _row(cells: list[Any], taken: dict[int, int], number: int) -> dict[int, str]:
    row = {}
    column = 0
    for cell in cells:
        while taken.get(column, -1) >= number:
            column += 1
        if text := _cell_text(cell):
            row[column] = text
        width, height = _span(cell, "colspan"), _span(cell, "rowspan")
        if height > 1:
            covered = range(column, min(column + width, _WIDEST_TABLE))
            taken.update(dict.fromkeys(covered, number + height - 1))
        column += width
    return row


def _is_marked(tr: Any, cells: list[Any]) -> bool:
    parent = tr.getparent()
    return all(cell.tag == "th" for cell in cells) or (parent is not None and parent.tag == "thead")


def _span(cell: Any, name: str) -> int:
    value = cell.get(name, "1").strip()
    return min(max(int(value), 1), _LONGEST_SPAN) if value.isascii() and value.isdigit() and len(value) < 9 else 1


def _cell_text(cell: Any) -> str:
    pieces = []
    skipped = None
    walker = etree.iterwalk(cell, events=("start", "end"))
    for event, element in walker:
        if event == "start" and not is_shown(element):
            skipped = element
            walker.skip_subtree()
        elif event == "start":
            pieces.append(" " if element.tag in BLOCKS or element.tag == "br" else "")
            pieces.append(element.text or "")
        elif element is not cell:
            pieces.append(" " if element.tag in BLOCKS and element is not skipped else "")
            pieces.append(element.tail or "")
    return clean_cell("".join(pieces))


def _with_signs(row: dict[int, str]) -> dict[int, str]:
    """Signs in cells of their own go with their number: `$ | 5 | %` is `$5%`."""
    joined: dict[int, str] = {}
    before = ""
    last = -1
    for column in sorted(row):
        text = before + row[column]
        before = ""
        if row[column] in _BEFORE:
            before = text
        elif row[column] in _AFTER and last >= 0:
            joined[last] += text
        else:
            joined[column] = text
            last = column
    if before:
        joined[max(row)] = before
    return joined
