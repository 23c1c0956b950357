"""Where a question is looked into, and what there is to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Search:
    """Where to look for an answer: a collection; of its documents some by id (none: all), those with one of some tags,
    of one of some media types, dated from `since` to `until` (yyyymmdd; 0: any); and how many passages to find."""

    collection: str
    documents: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    since: int = 0
    until: int = 0
    passages: int = 5

    @property
    def whole(self) -> bool:
        """Whether it looks into all of the collection."""
        return not (self.documents or self.tags or self.types or self.since or self.until)


@dataclass(frozen=True, slots=True)
class Facets:
    """What the `documents` of a collection that may be shown can be told apart by: how many have each tag and each
    media type, and the `first` and `last` date among them (yyyymmdd; 0 if none has one). Of `by_words` the vectors are
    still being made."""

    documents: int
    by_words: int
    tags: Mapping[str, int]
    types: Mapping[str, int]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is in all collections: documents that may be shown, their pages and chunks, and the collections
    that have such; and documents that are unfinished or could not be indexed."""

    documents: int
    pages: int
    chunks: int
    collections: int
    unfinished: int
    failed: int
