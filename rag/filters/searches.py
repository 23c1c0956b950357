"""The filter of a search."""

from __future__ import annotations

from functools import reduce
from operator import and_

from rag.filters.clauses import Between, Filter
from rag.filters.fields import DATE, DOCUMENT, TAG, TYPE
from rag.records import Search

FIRST_DAY = 1
"""So that documents without a date, which is 0, are left out where there is a last day only."""


def where_of(search: Search) -> Filter | None:
    """What a search wants of its collection's documents; None if all of them are looked into."""
    parts: list[Filter] = []
    if search.documents:
        parts.append(DOCUMENT.one_of(*search.documents))
    if search.tags:
        parts.append(TAG.one_of(*search.tags))
    if search.types:
        parts.append(TYPE.one_of(*search.types))
    if search.since or search.until:
        parts.append(Between(DATE.name, search.since or FIRST_DAY, search.until or None))
    return reduce(and_, parts) if parts else None
