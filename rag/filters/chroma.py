"""Filters as Chroma's `where`, which has no $not, no ranges and no parts of texts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rag.filters.clauses import All, Between, Contains, Either, Filter, Not, OneOf


def to_chroma(clause: Filter, names: Collection[str]) -> dict[str, Any]:
    """The filter as Chroma takes it. `names` are those of the documents there are: parts of names are looked for in
    them, because Chroma does not."""
    return _where(clause, names, wanted=True)


def _where(clause: Filter, names: Collection[str], wanted: bool) -> dict[str, Any]:
    """What holds where the clause does, or, if not `wanted`, where it does not."""
    match clause:
        case Not(part):
            return _where(part, names, not wanted)
        case All(parts):
            return _joined("$and" if wanted else "$or", [_where(one, names, wanted) for one in parts])
        case Either(parts):
            return _joined("$or" if wanted else "$and", [_where(one, names, wanted) for one in parts])
        case Between(field, low, high):
            return _range(field, low, high, wanted)
        case Contains(field, _):
            return _among(field, [one for one in names if clause.holds({field: one})], wanted)
        case OneOf("tag", values):  # an array in Chroma; documents without tags have none
            test = "$contains" if wanted else "$not_contains"
            return _joined("$or" if wanted else "$and", [{"tag": {test: value}} for value in values])
        case OneOf(field, values):
            return _among(field, values, wanted)
    raise TypeError(f"{clause!r} is no filter")


def _joined(how: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    return parts[0] if len(parts) == 1 else {how: parts}


def _range(field: str, low: int | None, high: int | None, wanted: bool) -> dict[str, Any]:
    below, above = ("$gte", "$lte") if wanted else ("$lt", "$gt")
    limits = [{field: {test: limit}} for test, limit in ((below, low), (above, high)) if limit is not None]
    return _joined("$and" if wanted else "$or", limits)


def _among(field: str, values: Collection[str | int], wanted: bool) -> dict[str, Any]:
    # Chroma takes no empty list; no document has an empty name or id.
    return {field: {"$in" if wanted else "$nin": list(values) or [""]}}
