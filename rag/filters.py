"""Metadata filters as users write them (Chroma's `where` over our fields), checked and made ready for Chroma."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from rag.errors import FilterError
from rag.parsing.media import media_type_called

Where = dict[str, Any]

FIELDS = ("document", "name", "page", "tag", "type", "date")
_COMPARE = ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte")
_AMONG = ("$in", "$nin")
_JOIN = ("$and", "$or")
_NUMBERS = ("page", "date")


def parse_where(source: str | Where | None) -> Where | None:
    """Check a filter and turn it into what Chroma wants; None and `{}` filter nothing.

    Fields: document (id), name, page, tag, type (an extension such as `pdf`, or a media type), date (ISO
    date or yyyymmdd). Several fields beside each other must all hold. Raises FilterError saying what is wrong.
    """
    if isinstance(source, str):
        try:
            source = json.loads(source)
        except (json.JSONDecodeError, RecursionError) as error:
            raise FilterError(f'The filter is not JSON ({error}). An example: {{"page": {{"$lte": 10}}}}') from error
    if source is None or source == {}:
        return None
    try:
        return _clause(source)
    except RecursionError as error:
        raise FilterError("The filter is nested too deeply. Write it flatter.") from error


def matches(clause: Where | None, data: Mapping[str, Any]) -> bool:
    """Whether a chunk's metadata passes a filter as `parse_where` returns it, just as Chroma would decide."""
    return clause is None or all(_holds(key, wanted, data) for key, wanted in clause.items())


def document_matches(clause: Where | None, data: Mapping[str, Any]) -> bool | None:
    """Whether a document passes, by the metadata that its chunks share; None if that depends on the chunk's page."""
    return _all(_document_holds(key, wanted, data) for key, wanted in (clause or {}).items())


def _document_holds(key: str, wanted: Any, data: Mapping[str, Any]) -> bool | None:
    if key == "$and":
        return _all(document_matches(one, data) for one in wanted)
    if key == "$or":
        return _opposite(_all(_opposite(document_matches(one, data)) for one in wanted))
    return None if key == "page" else _holds(key, wanted, data)


def _all(parts: Iterable[bool | None]) -> bool | None:
    found = set(parts)
    return False if False in found else None if None in found else True


def _opposite(part: bool | None) -> bool | None:
    return None if part is None else not part


def _holds(key: str, wanted: Any, data: Mapping[str, Any]) -> bool:
    if key == "$and":
        return all(matches(one, data) for one in wanted)
    if key == "$or":
        return any(matches(one, data) for one in wanted)
    return all(_TESTS[operator](data.get(key), value) for operator, value in wanted.items())


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda there, wanted: bool(there == wanted),
    "$ne": lambda there, wanted: bool(there != wanted),
    "$gt": lambda there, wanted: there is not None and bool(there > wanted),
    "$gte": lambda there, wanted: there is not None and bool(there >= wanted),
    "$lt": lambda there, wanted: there is not None and bool(there < wanted),
    "$lte": lambda there, wanted: there is not None and bool(there <= wanted),
    "$in": lambda there, wanted: there in wanted,
    "$nin": lambda there, wanted: there not in wanted,
    "$contains": lambda there, wanted: wanted in (there or ()),
    "$not_contains": lambda there, wanted: wanted not in (there or ()),
}


def _clause(source: Any) -> Where:
    if not isinstance(source, dict) or not source:
        raise FilterError(f'A filter is an object such as {{"name": "report.pdf"}}, not {json.dumps(source)}.')
    parts = [_part(key, value) for key, value in source.items()]
    return parts[0] if len(parts) == 1 else {"$and": parts}


def _part(key: str, value: Any) -> Where:
    if key in _JOIN:
        if not isinstance(value, list) or not value:
            raise FilterError(f"{key} wants a list of filters.")
        parts = [_clause(one) for one in value]
        return parts[0] if len(parts) == 1 else {key: parts}
    if key not in FIELDS:
        raise FilterError(f"There is no field {key!r} to filter by. Fields: {', '.join(FIELDS)}; or $and, $or.")
    tests = value if isinstance(value, dict) else {"$eq": value}
    if not tests:
        raise FilterError(f"The filter on {key!r} is empty.")
    parts = [_test(key, operator, wanted) for operator, wanted in tests.items()]
    return parts[0] if len(parts) == 1 else {"$and": parts}


def _test(field: str, operator: str, wanted: Any) -> Where:
    if operator in _AMONG:
        if not isinstance(wanted, list) or not wanted:
            raise FilterError(f"{operator} wants a list of values with at least one in it.")
        values = [_value(field, one) for one in wanted]
        return _tags(operator, values) if field == "tag" else {field: {operator: values}}
    if operator not in _COMPARE:
        raise FilterError(f"There is no operator {operator!r}. Operators: {', '.join((*_COMPARE, *_AMONG))}.")
    if operator not in ("$eq", "$ne") and field not in _NUMBERS:
        raise FilterError(f"{operator} compares numbers; of the fields, {' and '.join(_NUMBERS)} are.")
    one = _value(field, wanted)
    if field == "tag":
        return _tags("$in" if operator == "$eq" else "$nin", [one])
    return {field: {operator: one}}


def _tags(operator: str, values: list[str | int]) -> Where:
    # Tags are stored as an array; Chroma asks arrays with $contains.
    inner = "$contains" if operator == "$in" else "$not_contains"
    parts: list[Where] = [{"tag": {inner: value}} for value in values]
    return parts[0] if len(parts) == 1 else {"$or" if operator == "$in" else "$and": parts}


def _value(field: str, value: Any) -> str | int:
    if field == "date" and isinstance(value, str):
        return _day(value)
    if field in _NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int):
            raise FilterError(f"{field!r} is compared with a whole number, not {json.dumps(value)}.")
        return value
    if not isinstance(value, str):
        raise FilterError(f"{field!r} is compared with a text, not {json.dumps(value)}.")
    if not value.isprintable() and any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise FilterError(f"{json.dumps(value)} has half a character in it, which no text has.")
    return media_type_called(value) if field == "type" else value


def _day(value: str) -> int:
    try:
        return int(date.fromisoformat(value).strftime("%Y%m%d"))
    except ValueError as error:
        raise FilterError(f"{value!r} is not a date; write it as 2024-03-31.") from error
