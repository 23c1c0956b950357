"""The pages that a question set names: whole numbers, lists of them, and texts as people write them."""

from __future__ import annotations

import re
from typing import Any

from rag.errors import InputError

_PAGE = re.compile(r"(?:[^\W\d_]+\.?\s*)?(\d{1,7})(?:\.0+)?(?:\s*[-\u2013\u2014]\s*(\d{1,7}))?", re.ASCII)
"""A page, or the first and the last of several: 7, 7.0, p. 7, 7-9."""
_MOST_PAGES = 500
"""Pages from the first to the last."""
_BETWEEN = re.compile(r"[;,/&|]|\band\b|(?<=\d)\s+(?=\d)")


def pages_of(value: Any, where: str) -> tuple[int, ...]:
    """A whole number, a list of them, or a text such as `3, 5-7` or `p. 3 and 4`. Raises InputError, which says `where`
    it stands."""
    parts = value if isinstance(value, list | tuple) else [value]
    pages: dict[int, None] = {}
    for one in (part for each in parts for part in _listed_pages(each)):
        found = _PAGE.fullmatch(one)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= first <= last <= 10**6 or last - first > _MOST_PAGES:
            raise InputError(
                f"{where} has the page {one[:40]!r}. Pages are whole numbers and begin with 1: 3, or 3, 5-7."
            )
        pages |= dict.fromkeys(range(first, last + 1))
    return tuple(pages)


def _listed_pages(value: Any) -> list[str]:
    if value is None:
        return []
    bare = str(value).strip().strip("[]")
    return [one.strip(" \"'") for one in _BETWEEN.split(bare) if one.strip()]
