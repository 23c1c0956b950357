"""The rankings a question gets: by words, by meaning, by late interaction; of all documents and of those it names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from rag.embedding import Bits, Embedder, Question
from rag.lexical import Lexical
from rag.records import Chunk, document_of
from rag.retrieval.fusion import ROUTED
from rag.retrieval.late import maxsim, token_weights
from rag.retrieval.scope import Found, Scope
from rag.store import Store

CANDIDATES = 30
"""Of each list."""
DEEP = 200
"""Chunks by meaning among which those of the named documents are looked for: it costs little more than 30."""
EXACT_CHUNKS = 4000
"""Of up to so many chunks in scope each is looked at, which is faster than Chroma's filters."""
MOST_ON_THE_SPOT = 10
"""Chunks without vectors that are embedded for a question, about 10 ms each."""
NAMED = 3
MARGIN = 1.5
"""A question names a document that scores so many times more than the next one ..."""
COVERAGE = 0.5
"""... and has at least this share of what looks like a name in the question."""

ChunksById = Callable[[Sequence[str]], Mapping[str, Chunk]]


@dataclass(frozen=True)
class Lists:
    """The rankings of one question over one collection, made when they are asked for."""

    store: Store
    lexical: Lexical
    embedder: Embedder
    name: str
    text: str
    scope: Scope
    chunks_by_id: ChunksById
    candidates: int = CANDIDATES

    @cached_property
    def question(self) -> Question:
        return self.embedder.encode_question(self.text)

    @cached_property
    def named(self) -> list[str]:
        """Documents that the question names, if it does so clearly."""
        found = [one for one in self.lexical.named(self.name, self.text, NAMED + 1) if one[0] in self.scope.names]
        if not found or len(self.scope.names) < 2:
            return []
        least = found[0][1] / MARGIN
        chosen = [document for document, score, coverage in found if score > least and coverage >= COVERAGE]
        return chosen if len([one for one in found if one[1] > least]) == len(chosen) <= NAMED else []

    @cached_property
    def rankings(self) -> dict[str, Found]:
        """Each list's name -> its ranking as (chunk id, what it goes by), best first."""
        lists = {"lexical": self.by_words(self.scope.names), "dense": self.by_meaning[: self.candidates]}
        if self.named:
            inside = set(self.named)
            lists[f"{ROUTED}lexical"] = self.by_words(inside)
            lists[f"{ROUTED}dense"] = [one for one in self.by_meaning if document_of(one[0]) in inside][
                : self.candidates
            ]
        late = self.late(list(dict.fromkeys(one for found in lists.values() for one, _ in found)))
        if late:
            lists["late"] = late
        if late and self.named:
            lists[f"{ROUTED}late"] = [one for one in late if document_of(one[0]) in self.named]
        return lists

    def by_words(self, documents: Collection[str]) -> Found:
        """The lexical list of some documents."""
        within = None if self.scope.whole and len(documents) == len(self.scope.names) else documents
        return self.scope.best(
            lambda n: self.lexical.search(self.name, self.text, n, within), self.candidates, documents
        )

    @cached_property
    def by_meaning(self) -> Found:
        """The dense list, long enough to look for named documents in it."""
        scope, most = self.scope, max(DEEP, self.candidates)
        if not scope.ready:
            return []
        vector = self.question.vector
        if not scope.whole and scope.chunks <= EXACT_CHUNKS:
            exact = lambda n: self.store.companion.nearest(self.name, vector, n, list(scope.ready))  # noqa: E731
            if found := scope.best(exact, most, scope.ready):
                return found
        return scope.best(lambda n: self.store.nearest(self.name, vector, n), most, scope.ready)

    def late(self, ids: Sequence[str]) -> Found:
        """Candidates by late interaction; without those of which no token vectors are to be had."""
        if not len(self.question.tokens):
            return []
        tokens = self.store.companion.tokens(self.name, ids)
        tokens |= self._on_the_spot([one for one in ids if one not in tokens])
        rated = [one for one in ids if one in tokens and len(tokens[one])]
        weights = token_weights(self.text, self.question, lambda words: self.lexical.rarity(self.name, words))
        scores = maxsim(self.question.tokens, weights, [tokens[one] for one in rated])
        return sorted(zip(rated, scores.tolist(), strict=True), key=lambda one: (-one[1], one[0]))

    def _on_the_spot(self, ids: Sequence[str]) -> dict[str, Bits]:
        """Token vectors of chunks whose documents are still being embedded."""
        wanted = [one for one in ids if document_of(one) in self.scope.searchable][:MOST_ON_THE_SPOT]
        chunks = self.chunks_by_id(wanted) if wanted else {}
        _, tokens = self.embedder.encode_passages([one.embedded for one in chunks.values()]) if chunks else ((), [])
        return dict(zip(chunks, tokens, strict=False))
