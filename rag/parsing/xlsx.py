"""XLSX: a page a sheet, hidden ones too, so that their numbers stay the workbook's. openpyxl reads the cells.

Rows are read one after another as they are in the file, so that neither a workbook's size nor the size that it
claims to have takes memory.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from io import BytesIO
from itertools import chain, islice
from typing import Any

import openpyxl
from openpyxl.chartsheet import Chartsheet
from openpyxl.styles.numbers import BUILTIN_FORMATS, BUILTIN_FORMATS_MAX_SIZE
from openpyxl.utils.exceptions import CellCoordinatesException, InvalidFileException
from openpyxl.worksheet._reader import WorkSheetParser
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula

from rag.parsing.container import open_office, reading
from rag.parsing.draft import Draft
from rag.parsing.limits import Limits
from rag.parsing.media import XLSX
from rag.parsing.numbers import shown
from rag.parsing.tables import Row, clean_cell, write_rows
from rag.records import ParsedDocument

PARSER = f"xlsx 1 (openpyxl {openpyxl.__version__})"

_LOOKAHEAD = 20  # rows that tell how many columns at the left are empty
_WIDEST_GAP = 50  # empty cells between two filled ones: there may be 16,000
_FORMULA = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}f"


def parse_xlsx(data: bytes, name: str, limits: Limits) -> ParsedDocument:
    """Raises EmptyDocumentError, EncryptedError, DamagedError, ParseLimitError or TooLargeError."""
    properties = open_office(data, "xlsx")
    draft = Draft(limits)
    with reading("xlsx", InvalidFileException, CellCoordinatesException), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about features that it would not write back
        workbook = openpyxl.load_workbook(BytesIO(data), read_only=True, data_only=True, keep_links=False)
        for sheet in workbook:
            _write_sheet(draft, workbook, sheet)
    return draft.document(name, XLSX, PARSER, properties.title, properties.date)


def _write_sheet(draft: Draft, workbook: Any, sheet: Any) -> None:
    draft.page(sheet.title)
    if isinstance(sheet, Chartsheet):
        return
    rows = _rows(workbook, sheet)
    first = next(rows, None)
    if first is not None:
        draft.heading(1, sheet.title)
        write_rows(draft, chain([first], rows))


class _Parser(WorkSheetParser):  # type: ignore[misc]
    """With the formula where a cell has no value, as in files that no spreadsheet program has calculated."""

    def parse_cell(self, element: Any) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        if cell["value"] is None and element.find(_FORMULA) is not None:
            cell["value"] = self.parse_formula(element)
        return cell


def _rows(workbook: Any, sheet: Any) -> Iterator[Row]:
    """The sheet's rows from the first filled one, an empty one for each gap between them."""
    with sheet._get_source() as source:
        parser = _Parser(
            source,
            sheet._shared_strings,
            data_only=True,
            epoch=workbook.epoch,
            date_formats=workbook._date_formats,
            timedelta_formats=workbook._timedelta_formats,
        )
        filled = ((number, cells) for number, row in parser.parse() if (cells := _cells(workbook, row)))
        head = list(islice(filled, _LOOKAHEAD))
        left = min((column for _, cells in head for column in cells), default=1)
        before = head[0][0] - 1 if head else 0
        for number, cells in chain(head, filled):
            if number > before + 1:
                yield []
            before = number
            yield _in_columns(cells, left)


def _cells(workbook: Any, row: list[dict[str, Any]]) -> dict[int, str]:
    """Column (from 1) -> text of the filled cells."""
    found = {}
    for cell in row:
        value = cell["value"]
        if value is not None and (text := _text(workbook, value, cell["style_id"])):
            found[cell["column"]] = text
    return found


def _text(workbook: Any, value: Any, style: int) -> str:
    if isinstance(value, ArrayFormula):
        value = value.text
    elif isinstance(value, DataTableFormula):
        return ""
    return clean_cell(value if isinstance(value, str) else shown(value, _number_format(workbook, style)))


def _number_format(workbook: Any, style: int) -> str:
    number = workbook._cell_styles[style].numFmtId
    if number < BUILTIN_FORMATS_MAX_SIZE:
        return str(BUILTIN_FORMATS.get(number, "General"))
    return str(workbook._number_formats[number - BUILTIN_FORMATS_MAX_SIZE])


def _in_columns(cells: dict[int, str], left: int) -> Row:
    row: list[str] = []
    place = left
    for column in sorted(cells):
        row.extend([""] * min(column - place, _WIDEST_GAP))
        row.append(cells[column])
        place = column + 1
    return row
