"""The rankings a question gets: by words, by meaning, by late interaction; of all documents and of those it names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from rag.embedding import Bits, Embedder, Vectors
from rag.lexical import Lexical
from rag.records import Chunk, Step, Told, document_of, untold
from rag.retrieval.fusion import ROUTED
from rag.retrieval.late import maxsim, token_weights
from rag.retrieval.scope import Found, Scope
from rag.store import Store

CANDIDATES = 30
"""Of each list."""
DEEP = 200
"""Chunks by meaning among which those of the named documents are looked for: it costs twice as much as 30."""
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

_ENCODING = ThreadPoolExecutor(thread_name_prefix="footnote-question")
"""Questions are encoded here while they are looked up by words: neither holds Python's lock for long."""

ChunksById = Callable[[Sequence[str]], Mapping[str, Chunk]]


class Lists:
    """The rankings of one question over one collection: `rankings` has each list's name -> its ranking as (chunk id,
    what it goes by), best first. `candidates` is how long lists are at most."""

    def __init__(
        self,
        store: Store,
        lexical: Lexical,
        embedder: Embedder,
        name: str,
        text: str,
        scope: Scope,
        chunks_by_id: ChunksById,
        candidates: int,
        told: Told = untold,
    ) -> None:
        self._store, self._lexical, self._embedder = store, lexical, embedder
        self._name, self._text, self._scope = name, text, scope
        self.names = scope.names
        self.chunks_by_id = chunks_by_id
        self.candidates = candidates
        encoding = _ENCODING.submit(embedder.encode_question, text)
        told(Step.LEXICAL)
        self._named = self._documents_named()
        by_words = self._by_words()
        told(Step.DENSE)
        self._question = encoding.result()
        self._near = self._by_meaning()
        nominating = by_words | self._nominated_by_meaning()
        # Late interaction only ranks.
        told(Step.LATE)
        nominated = list(dict.fromkeys(one for found in nominating.values() for one, _ in found))
        self._made = self._on_the_spot(nominated)
        self.rankings = nominating | self._late(nominated)

    def cosines(self, ids: Sequence[str]) -> dict[str, float]:
        """How similar chunks are to the question; those of which no vector is to be had are left out."""
        vector = self._question.vector
        found = dict(self._near) | {one: float(made @ vector) for one, (made, _) in self._made.items()}
        missing = [one for one in ids if one not in found and document_of(one) in self._scope.ready]
        return found | self._store.cosines(self._name, missing, vector)

    def _documents_named(self) -> set[str]:
        """Documents that the question names, if it does so clearly."""
        names, within = self.names, None if self._scope.whole else self.names
        found = [one for one in self._lexical.named(self._name, self._text, NAMED + 1, within) if one[0] in names]
        if not found or len(names) < 2:
            return set()
        least = found[0][1] / MARGIN
        chosen = {document for document, score, coverage in found if score > least and coverage >= COVERAGE}
        return chosen if len([one for one in found if one[1] > least]) == len(chosen) <= NAMED else set()

    def _by_words(self) -> dict[str, Found]:
        """The lexical lists that chunks come from."""
        lists = {"lexical": self._by_words_of(self.names)}
        return lists | ({f"{ROUTED}lexical": self._by_words_of(self._named)} if self._named else {})

    def _nominated_by_meaning(self) -> dict[str, Found]:
        """The dense lists that chunks come from."""
        lists = {"dense": self._near[: self.candidates]}
        named = self._of_named(self._near)[: self.candidates]
        return lists | ({f"{ROUTED}dense": named} if self._named else {})

    def _by_words_of(self, documents: Collection[str]) -> Found:
        within = None if self._scope.whole and len(documents) == len(self.names) else documents
        search = partial(self._lexical.search, self._name, self._text, documents=within)
        return self._scope.best(search, self.candidates, documents)

    def _by_meaning(self) -> Found:
        """The dense list, long enough to look for named documents in it, if there are any."""
        scope, most = self._scope, max(DEEP if self._named else 0, self.candidates)
        nearest = partial(self._store.nearest, self._name, self._question.vector)
        if not scope.ready:
            return []
        if scope.where is None:
            return scope.best(nearest, most, scope.ready)
        if scope.chunks <= EXACT_CHUNKS:
            vector = self._question.vector
            every = self._store.companion.nearest(self._name, vector, scope.chunks, list(scope.ready))
            if len(every) >= scope.chunks:  # else it lacks some, which Chroma has
                return scope.best(lambda n: every[:n], most, scope.ready)
        found = scope.best(nearest, most, scope.ready, max(LOOKED_AT, self.candidates))
        return (
            found
            if len(found) >= self.candidates
            else scope.best(partial(nearest, where=scope.where), most, scope.ready)
        )

    def _of_named(self, found: Found) -> Found:
        return [one for one in found if document_of(one[0]) in self._named]

    def _late(self, nominated: Sequence[str]) -> dict[str, Found]:
        """Candidates by late interaction; without those of which no token vectors are to be had."""
        if not len(self._question.tokens):
            return {}
        tokens = self._store.companion.tokens(self._name, nominated) if self._scope.comparable else {}
        tokens |= {one: bits for one, (_, bits) in self._made.items() if bits is not None}
        rated = [one for one in nominated if one in tokens and len(tokens[one])]
        if not rated:
            return {}
        weights = token_weights(
            self._text, self._question, self._lexical.terms, partial(self._lexical.rarity, self._name)
        )
        scores = maxsim(self._question.tokens, weights, [tokens[one] for one in rated])
        late = sorted(zip(rated, scores.tolist(), strict=True), key=lambda one: (-one[1], one[0]))
        return {"late": late} | ({f"{ROUTED}late": self._of_named(late)} if self._named else {})

    def _on_the_spot(self, nominated: Sequence[str]) -> dict[str, tuple[Vectors, Bits | None]]:
        """What the model makes of the best chunks whose documents are still being embedded."""
        wanted = [one for one in nominated if document_of(one) in self._scope.searchable][:MOST_ON_THE_SPOT]
        chunks = self.chunks_by_id(wanted) if wanted else {}
        if not chunks:
            return {}
        vectors, tokens = self._embedder.encode_passages([one.embedded for one in chunks.values()])
        bits: Sequence[Bits | None] = tokens or [None] * len(chunks)
        return dict(zip(chunks, zip(vectors, bits, strict=True), strict=True))
