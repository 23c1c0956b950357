"""What a search may find: documents that may be shown and pass the filter, and of some of them only some chunks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag.records import document_of

OVER_FETCH = 4
Found = list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Scope:
    """`ready` documents have vectors, `searchable` ones only words so far; both id -> name. `whole` if nothing is
    filtered out; `chunks` is else how many chunks the ready ones have, `where` the filter as Chroma takes it, and
    `passes` tells which of some chunks pass if the filter looks at more than their documents, else it is None."""

    ready: Mapping[str, str]
    searchable: Mapping[str, str]
    whole: bool
    chunks: int
    passes: Callable[[Sequence[str]], Collection[str]] | None = None
    where: Mapping[str, Any] | None = None

    @property
    def names(self) -> dict[str, str]:
        """All documents in it."""
        return {**self.ready, **self.searchable}

    def of(self, found: Found, documents: Collection[str]) -> Found:
        """What of a ranking belongs to the documents and passes."""
        kept = [one for one in found if document_of(one[0]) in documents]
        if self.passes is None or not kept:
            return kept
        passing = set(self.passes([one for one, _ in kept]))
        return [one for one in kept if one[0] in passing]

    def best(self, fetch: Callable[[int], Found], n: int, documents: Collection[str]) -> Found:
        """The best `n` in scope of what `fetch(how many)` finds, fetching more until there are enough or no more."""
        size = n
        while True:
            found = fetch(size)
            kept = self.of(found, documents)
            if len(kept) >= n or len(found) < size:
                return kept[:n]
            size *= OVER_FETCH
