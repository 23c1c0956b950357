"""JSON and JSON Lines: flat records with the same keys as a table, anything else as lines `path.to.key: value`.

Top-level keys and records are headings. Numbers stay as they are written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from rag.errors import DamagedError, EmptyDocumentError
from rag.parsing.draft import LINE, PARAGRAPH, Draft
from rag.parsing.limits import Limits
from rag.parsing.media import JSONL
from rag.parsing.raw import check_chars
from rag.parsing.tables import clean_cell, write_table
from rag.parsing.text import decode
from rag.records import ParsedDocument

PARSER = "json 1"

_LONGEST_CELL = 500  # code points: records with longer texts read better as lines
_NAMING_KEYS = ("title", "name", "id")
_LINE_BREAK = re.compile(r"\r\n|\n|\r")  # a JSON string may hold the other line ends of Unicode


def parse_json(data: bytes, name: str, media_type: str, limits: Limits) -> ParsedDocument:
    """Raises EmptyDocumentError, TooLargeError, and DamagedError with the line where the JSON is broken."""
    text = decode(data)
    check_chars(len(text), limits)
    if not text.strip():
        raise EmptyDocumentError("The file is empty: upload one with content.")
    draft = Draft(limits)
    _write(draft, _lines(text) if media_type == JSONL else _whole(text))
    return draft.document(name, media_type, PARSER)


def _whole(text: str) -> Any:
    try:
        return _loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # JSON Lines by another name
            return _lines(text)
        raise _broken(error.lineno, error.msg) from error


def _lines(text: str) -> list[Any]:
    records = []
    for number, line in enumerate(_LINE_BREAK.split(text), start=1):
        if line.strip():
            try:
                records.append(_loads(line))
            except json.JSONDecodeError as error:
                raise _broken(number, error.msg) from error
    return records


def _loads(text: str) -> Any:
    try:
        return json.loads(text, parse_int=str, parse_float=str)
    except RecursionError as error:
        raise DamagedError("The JSON is nested too deeply to be read: write it flatter.") from error


def _broken(line: int, reason: str) -> DamagedError:
    return DamagedError(f"The file is not valid JSON: line {line} ({reason}). Correct it and upload it again.")


def _write(draft: Draft, value: Any) -> None:
    if isinstance(value, dict):
        for key, one in value.items():
            if _is_line(one):
                _write_line(draft, key, one, LINE)
        for key, one in value.items():
            if not _is_line(one):
                draft.heading(1, key)
                _write_below(draft, key, one)
    elif columns := _columns(value):
        _write_records(draft, columns, value)
    elif isinstance(value, list) and not _is_line(value):
        for number, one in enumerate(value, start=1):
            draft.heading(1, f"Record {number}{_name_of(one)}")
            _write_below(draft, "", one)
    else:
        _write_below(draft, "", value)


def _write_below(draft: Draft, heading: str, value: Any) -> None:
    """Everything in `value` in its order, as deep as it goes, under a heading that is the first part of its paths."""
    separator = PARAGRAPH
    waiting = [(heading, value)]
    while waiting:
        path, value = waiting.pop()
        if columns := _columns(value):
            if path != heading:
                draft.paragraph(path, separator)
            _write_records(draft, columns, value)
            separator = PARAGRAPH
        elif isinstance(value, dict):
            waiting.extend((f"{path}.{key}" if path else key, value[key]) for key in reversed(value))
        elif isinstance(value, list) and not _is_line(value):
            waiting.extend((f"{path}[{index}]", value[index]) for index in reversed(range(len(value))))
        elif _write_line(draft, path, value, separator):
            separator = LINE


def _write_line(draft: Draft, path: str, value: Any, separator: str) -> bool:
    """Write what fits on a line, if there is anything in it."""
    shown = ", ".join(map(_shown, value)) if isinstance(value, list) else _shown(value)
    if shown:
        draft.paragraph(f"{path}: {shown}" if path else shown, separator)
    return bool(shown)


def _write_records(draft: Draft, columns: Sequence[str], records: Sequence[dict[str, Any]]) -> None:
    write_table(draft, [[clean_cell(column) for column in columns]], _rows(columns, records))
    draft.close_table()


def _rows(columns: Sequence[str], records: Sequence[dict[str, Any]]) -> Iterator[list[str]]:
    for record in records:
        yield [clean_cell(_shown(record.get(column))) for column in columns]


def _columns(value: Any) -> list[str]:
    """The keys of records that make a table: several, flat and short, each with most of the keys; else none."""
    if not isinstance(value, list) or len(value) < 2 or not all(isinstance(one, dict) and one for one in value):
        return []
    columns = list(dict.fromkeys(key for one in value for key in one))
    is_even = len(columns) > 1 and all(len(one) * 2 > len(columns) for one in value)
    is_flat = all(_is_scalar(cell) and len(_shown(cell)) <= _LONGEST_CELL for one in value for cell in one.values())
    return columns if is_even and is_flat else []


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _is_line(value: Any) -> bool:
    return all(map(_is_scalar, value)) if isinstance(value, list) else _is_scalar(value)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _name_of(record: Any) -> str:
    """What a record calls itself, for its heading."""
    if isinstance(record, dict):
        for key in _NAMING_KEYS:
            if (value := record.get(key)) and isinstance(value, str):
                return f": {clean_cell(value)}"
    return ""
