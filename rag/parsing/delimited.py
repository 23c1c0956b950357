"""CSV and TSV: one page, a row a line, the first row that can be one as the header."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from rag.errors import DamagedError, EmptyDocumentError
from rag.parsing.draft import Draft
from rag.parsing.limits import Limits
from rag.parsing.media import TSV
from rag.parsing.raw import check_chars
from rag.parsing.tables import clean_cell, write_rows
from rag.parsing.text import decode, require_text
from rag.records import ParsedDocument

PARSER = "delimited 1"

_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 50
_SAMPLE = 64 * 1024  # code points


def parse_delimited(data: bytes, name: str, media_type: str, limits: Limits) -> ParsedDocument:
    """Raises EmptyDocumentError, TooLargeError, and DamagedError for what is not text."""
    text = decode(data)
    check_chars(len(text), limits)
    if not text.strip():
        raise EmptyDocumentError("The file is empty: upload one with content.")
    require_text(text)
    draft = Draft(limits)
    csv.field_size_limit(len(text) + 1)
    write_rows(draft, _rows(text, _delimiter(text[:_SAMPLE], media_type)))
    return draft.document(name, media_type, PARSER)


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            yield [clean_cell(cell) for cell in row]
    except csv.Error as error:
        raise DamagedError(f"The file is not a table of text ({error}): save it anew as CSV.") from error


def _delimiter(sample: str, media_type: str) -> str:
    """The one that divides most rows of the sample into equally many cells; a comma, or in TSV a tab, if none does."""
    usual = "\t" if media_type == TSV else ","
    candidates: list[str] = [usual, *_DELIMITERS.replace(usual, "")]
    return max(candidates, key=lambda delimiter: _evenness(sample, delimiter))


def _evenness(sample: str, delimiter: str) -> tuple[float, int]:
    """The share of rows with the commonest number of cells, if that is more than one; and that number."""
    widths = []
    for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
        if any(row):
            widths.append(len(row))
        if len(widths) > _SAMPLE_ROWS:
            break
    widths = widths[:-1] or widths  # the last one may be cut
    divided = [width for width in widths if width > 1]
    if not divided:
        return 0.0, 0
    commonest = max(sorted(set(divided)), key=divided.count)
    return divided.count(commonest) / len(widths), commonest
