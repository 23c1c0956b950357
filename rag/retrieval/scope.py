"""What a search may find: documents that may be shown and pass the filter, and of some of them only some chunks."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rag.records import document_of

OVER_FETCH = 1.5
TELLING = 100
"""Chunks of which the share that passes says something about others."""
Found = list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Scope:
    """`ready` documents have vectors, `searchable` ones only words so far; both id -> name. `whole` if nothing is
    filtered out; `chunks` is else how many chunks the ready ones have, `where` the filter as Chroma takes it, and
    `passes` tells which of some chunks pass if the filter looks at more than their documents, else it is None. Where it
    is not known of which model what is stored is, none are `ready` and it is not `comparable` with a question."""

    ready: Mapping[str, str]
    searchable: Mapping[str, str]
    whole: bool
    chunks: int
    passes: Callable[[Sequence[str]], Collection[str]] | None = None
    where: Mapping[str, Any] | None = None
    comparable: bool = True
    judged: dict[str, bool] = field(default_factory=dict)
    """Chunks that were looked at before, and whether they passed."""

    @property
    def names(self) -> dict[str, str]:
        """All documents in it."""
        return {**self.ready, **self.searchable}

    def of(self, found: Found, documents: Collection[str]) -> Found:
        """What of a ranking belongs to the documents and passes."""
        kept = [one for one in found if document_of(one[0]) in documents]
        if self.passes is None or not kept:
            return kept
        unknown = [one for one, _ in kept if one not in self.judged]
        if unknown:
            passing = set(self.passes(unknown))
            self.judged.update((one, one in passing) for one in unknown)
        return [one for one in kept if self.judged[one[0]]]

    def _enough(self, n: int) -> float:
        """How many to fetch for `n` that pass, by what is known of those that were looked at before."""
        if len(self.judged) < TELLING:
            return n
        return max(n, OVER_FETCH * n * len(self.judged) / max(1, sum(self.judged.values())))

    def best(self, fetch: Callable[[int], Found], n: int, documents: Collection[str], most: float = math.inf) -> Found:
        """The best `n` in scope of what `fetch(how many)` finds, fetching more until there are enough or no more, or
        `most` have been looked at."""
        size = int(min(most, self._enough(n)))
        while True:
            found = fetch(size)
            kept = self.of(found, documents)
            if len(kept) >= n or len(found) < size or size >= most:
                return kept[:n]
            # As many as it takes if further down as many are in scope, and some more.
            size = int(min(most, max(OVER_FETCH * size, OVER_FETCH * size * n / max(1, len(kept)))))
