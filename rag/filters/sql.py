"""Filters as a condition in SQL, over columns that are called as the fields are; `tag` is a JSON array."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, NamedTuple

from rag.filters.clauses import All, Between, Contains, Either, Filter, Not, OneOf


class Condition(NamedTuple):
    """SQL with named parameters, and their values; `by_page` if it looks at more than a document."""

    sql: str
    values: dict[str, Any]
    by_page: bool


def to_sql(clause: Filter, names: Collection[str]) -> Condition:
    """The filter as SQL. `names` are those of the documents there are: parts of names are looked for in them, because
    SQLite knows no other capitals than English ones."""
    values: dict[str, Any] = {}
    fields: set[str] = set()
    return Condition(_sql(clause, names, values, fields), values, "page" in fields)


def _sql(clause: Filter, names: Collection[str], values: dict[str, Any], fields: set[str]) -> str:
    def value(one: Any) -> str:
        values[f"filter_{len(values)}"] = one
        return f":filter_{len(values) - 1}"

    match clause:
        case Not(part):
            return f"NOT {_sql(part, names, values, fields)}"
        case All(parts) | Either(parts):
            how = " AND " if isinstance(clause, All) else " OR "
            return f"({how.join(_sql(one, names, values, fields) for one in parts)})"
        case Between(field, low, high):
            fields.add(field)
            tests = (("<=", high), (">=", low))
            held = [f'"{field}" {test} {value(limit)}' for test, limit in tests if limit is not None]
            return f"({' AND '.join(held)})"
        case Contains(field, _):
            return _among(field, value(json.dumps([one for one in names if clause.holds({field: one})])))
        case OneOf("tag", wanted):
            given = value(json.dumps(wanted))
            has = f"SELECT 1 FROM json_each(tag) AS has, json_each({given}) AS wanted"  # noqa: S608 - a parameter
            return f"EXISTS ({has} WHERE has.value = wanted.value)"
        case OneOf(field, wanted):
            fields.add(field)
            return _among(field, value(json.dumps(wanted)))
    raise TypeError(f"{clause!r} is no filter")


def _among(field: str, given: str) -> str:
    return f'"{field}" IN (SELECT value FROM json_each({given}))'  # noqa: S608 - a field of ours, a parameter
