"""Where a question is looked into."""

from __future__ import annotations

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
