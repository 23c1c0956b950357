"""The rankings a question gets: by words, by meaning, by late interaction; of all documents and of those it names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from rag.embedding import Bits, Embedder, Question, Vectors
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
LOOKED_AT = 800
"""Chunks by meaning among which those that pass a filter are looked for before Chroma filters: that is slower."""
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
        names = self.scope.names
        within = None if self.scope.whole else names
        found = [one for one in self.lexical.named(self.name, self.text, NAMED + 1, within) if one[0] in names]
        if not found or len(names) < 2:
            return []
        least = found[0][1] / MARGIN
        chosen = [document for document, score, coverage in found if score > least and coverage >= COVERAGE]
        return chosen if len([one for one in found if one[1] > least]) == len(chosen) <= NAMED else []

    @cached_property
    def rankings(self) -> dict[str, Found]:
        """Each list's name -> its ranking as (chunk id, what it goes by), best first."""
        late = self._late()
        if not late:
            return self.nominating
        routed = {f"{ROUTED}late": self._of_named(late)} if self.named else {}
        return {**self.nominating, "late": late, **routed}

    @cached_property
    def nominating(self) -> dict[str, Found]:
        """The lists that chunks come from; late interaction only ranks them."""
        lists = {"lexical": self.by_words(self.scope.names), "dense": self.by_meaning[: self.candidates]}
        if self.named:
            lists[f"{ROUTED}lexical"] = self.by_words(self.named)
            lists[f"{ROUTED}dense"] = self._of_named(self.by_meaning)[: self.candidates]
        return lists

    @cached_property
    def nominated(self) -> list[str]:
        """Chunks that are in any list."""
        return list(dict.fromkeys(one for found in self.nominating.values() for one, _ in found))

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
        found = scope.of(self.store.nearest(self.name, vector, LOOKED_AT), scope.ready) if scope.where else []
        if len(found) >= self.candidates:
            return found[:most]
        return scope.best(lambda n: self.store.nearest(self.name, vector, n, scope.where), most, scope.ready)

    def cosines(self, ids: Sequence[str]) -> dict[str, float]:
        """How similar chunks are to the question; those of which no vector is to be had are left out."""
        vector = self.question.vector
        found = dict(self.by_meaning) | {one: float(made @ vector) for one, (made, _) in self._on_the_spot.items()}
        missing = [one for one in ids if one not in found and document_of(one) in self.scope.ready]
        return found | self.store.cosines(self.name, missing, vector)

    def _of_named(self, found: Found) -> Found:
        return [one for one in found if document_of(one[0]) in self.named]

    def _late(self) -> Found:
        """Candidates by late interaction; without those of which no token vectors are to be had."""
        if not len(self.question.tokens):
            return []
        tokens = self.store.companion.tokens(self.name, self.nominated)
        tokens |= {one: bits for one, (_, bits) in self._on_the_spot.items() if bits is not None}
        rated = [one for one in self.nominated if one in tokens and len(tokens[one])]
        weights = token_weights(
            self.text, self.question, self.lexical.terms, lambda words: self.lexical.rarity(self.name, words)
        )
        scores = maxsim(self.question.tokens, weights, [tokens[one] for one in rated])
        return sorted(zip(rated, scores.tolist(), strict=True), key=lambda one: (-one[1], one[0]))

    @cached_property
    def _on_the_spot(self) -> dict[str, tuple[Vectors, Bits | None]]:
        """What the model makes of the best chunks whose documents are still being embedded."""
        wanted = [one for one in self.nominated if document_of(one) in self.scope.searchable][:MOST_ON_THE_SPOT]
        chunks = self.chunks_by_id(wanted) if wanted else {}
        if not chunks:
            return {}
        vectors, tokens = self.embedder.encode_passages([one.embedded for one in chunks.values()])
        bits: Sequence[Bits | None] = tokens or [None] * len(chunks)
        return dict(zip(chunks, zip(vectors, bits, strict=True), strict=True))
