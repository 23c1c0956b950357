"""Filters as users write them: Chroma's `where` over our fields, in JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from rag.errors import FilterError
from rag.filters.clauses import All, Either, Filter
from rag.filters.fields import FIELDS, Field, Name, Number

Where = str | Mapping[str, Any] | Filter
"""A filter: built from fields, or as written in JSON, as text or read already."""


def parse_where(source: Where | None) -> Filter | None:
    """Check a filter; None and `{}` filter nothing.

    Fields: document (id), name, page, tag, type (an extension such as `pdf`, or a media type), date (ISO
    date or yyyymmdd). Several fields beside each other must all hold. Operators: $eq, $ne, $in, $nin; $gt, $gte, $lt,
    $lte of numbers; $contains of the name; $and, $or, $not of filters. Raises FilterError saying what is wrong.
    """
    if isinstance(source, Filter):
        return source
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


def _clause(source: Any) -> Filter:
    if not isinstance(source, Mapping) or not source:
        raise FilterError(f'A filter is an object such as {{"name": "report.pdf"}}, not {json.dumps(source)}.')
    return _joined(All, [_part(key, value) for key, value in source.items()])


def _part(key: str, value: Any) -> Filter:
    if key == "$not":
        return ~_clause(value)
    if key in ("$and", "$or"):
        if not isinstance(value, list) or not value:
            raise FilterError(f"{key} wants a list of filters.")
        return _joined(All if key == "$and" else Either, [_clause(one) for one in value])
    if key not in FIELDS:
        raise FilterError(f"There is no field {key!r} to filter by. Fields: {', '.join(FIELDS)}; or $and, $or, $not.")
    tests = value if isinstance(value, Mapping) else {"$eq": value}
    if not tests:
        raise FilterError(f"The filter on {key!r} is empty.")
    return _joined(All, [_test(FIELDS[key], operator, wanted) for operator, wanted in tests.items()])


def _joined(kind: type[All] | type[Either], parts: list[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


def _test(field: Field, operator: str, wanted: Any) -> Filter:
    if operator in ("$in", "$nin"):
        if not isinstance(wanted, list) or not wanted:
            raise FilterError(f"{operator} wants a list of values with at least one in it.")
        return field.one_of(*wanted) if operator == "$in" else ~field.one_of(*wanted)
    if operator in ("$eq", "$ne"):
        return field.equals(wanted) if operator == "$eq" else ~field.equals(wanted)
    if operator == "$contains":
        if not isinstance(field, Name):
            raise FilterError("$contains looks for a part of the name; of the fields, only name has that.")
        return field.contains(wanted)
    if operator not in _COMPARE:
        operators = ", ".join(("$eq", "$ne", *_COMPARE, "$in", "$nin", "$contains"))
        raise FilterError(f"There is no operator {operator!r}. Operators: {operators}.")
    if not isinstance(field, Number):
        numbers = " and ".join(name for name, one in FIELDS.items() if isinstance(one, Number))
        raise FilterError(f"{operator} compares numbers; of the fields, {numbers} are.")
    return _COMPARE[operator](field, wanted)


_COMPARE: dict[str, Callable[[Number, Any], Filter]] = {
    "$gt": Number.more_than,
    "$gte": Number.at_least,
    "$lt": Number.less_than,
    "$lte": Number.at_most,
}
