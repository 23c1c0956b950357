"""The rankings a question gets: by words, by meaning, by late interaction; of all documents and of those it names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Bits, Embedder, Question, Vectors
from rag.lexical import Lexical
from rag.records import Chunk, Step, Told, document_of, untold
from rag.retrieval.fusion import ROUTED, Tuning
from rag.retrieval.late import maxsim, token_weights
from rag.retrieval.once import Once
from rag.retrieval.scope import Found, Scope
from rag.store import Companion

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


Made = tuple[Vectors, Bits | None]


class Ranked(NamedTuple):
    """`rankings` has each list's name -> its ranking as (chunk id, what it goes by), best first; beside them the
    question, the chunks by meaning, and what was embedded for the question."""

    rankings: Mapping[str, Found]
    question: Question
    near: Found
    made: Mapping[str, Made]


class Vectored(Protocol):
    """What is needed of where vectors are kept; `Store` is one."""

    @property
    def companion(self) -> Companion:
        """What lies beside the vectors."""

    def nearest(
        self, name: str, vector: Vectors, n: int, where: Mapping[str, Any] | None = None
    ) -> list[tuple[str, float]]:
        """The `n` nearest chunks as (id, similarity in [0, 1]), best first."""

    def cosines(self, name: str, ids: Sequence[str], vector: Vectors) -> dict[str, float]:
        """How similar chunks are to a unit vector; those that are not there are left out."""


class Lists:
    """The rankings of one question over one collection, made when they are asked for. What different tunings have in
    common is made `once`."""

    def __init__(
        self,
        store: Vectored,
        lexical: Lexical,
        embedder: Embedder,
        name: str,
        text: str,
        scope: Scope,
        chunks_by_id: ChunksById,
    ) -> None:
        self._store, self._lexical, self._embedder = store, lexical, embedder
        self._name, self.text, self._scope = name, text, scope
        self.names = scope.names
        self.chunks_by_id = chunks_by_id
        self.once = Once()

    def ranked(self, tuning: Tuning, candidates: int, told: Told = untold) -> Ranked:
        """The rankings as a tuning wants them, each of `candidates` at most; `told` hears of each part."""
        encoding = self._encoding()
        told(Step.LEXICAL)
        named = self.once("named", self._documents_named) if tuning.routed else frozenset()
        by_words = self._by_words(named, candidates) if tuning.lexical else {}
        told(Step.DENSE)
        question = self.once("question", encoding)
        near: Found = []
        if tuning.dense:
            most = max(DEEP if named else 0, candidates)
            near = self.once(("near", most, candidates), lambda: self._by_meaning(question, most, candidates))
        nominating = by_words | (self._nominated_by_meaning(near, named, candidates) if tuning.dense else {})
        told(Step.LATE)
        # Late interaction only ranks.
        nominated = tuple(dict.fromkeys(one for found in nominating.values() for one, _ in found))
        made = self.once(("made", nominated), lambda: self._on_the_spot(nominated))
        late: Found = []
        if tuning.late:
            late = self.once(("late", nominated), lambda: self._late(question, nominated, made))
        lists = {"late": late} | ({f"{ROUTED}late": _of(named, late)} if named else {}) if late else {}
        return Ranked(nominating | lists, question, near, made)

    def _encoding(self) -> Callable[[], Question]:
        """What gives the question, which is encoded meanwhile."""
        if "question" in self.once:
            return partial(self._embedder.encode_question, self.text)
        return _ENCODING.submit(self._embedder.encode_question, self.text).result

    def cosines(self, ranked: Ranked, ids: Sequence[str]) -> dict[str, float]:
        """How similar chunks are to the question; those of which no vector is to be had are left out."""
        vector = ranked.question.vector
        found = dict(ranked.near) | {one: float(made @ vector) for one, (made, _) in ranked.made.items()}
        missing = [one for one in ids if one not in found and document_of(one) in self._scope.ready]
        return found | self._store.cosines(self._name, missing, vector)

    def _documents_named(self) -> frozenset[str]:
        """Documents that the question names, if it does so clearly."""
        names, within = self.names, None if self._scope.whole else self.names
        found = [one for one in self._lexical.named(self._name, self.text, NAMED + 1, within) if one[0] in names]
        if not found or len(names) < 2:
            return frozenset()
        least = found[0][1] / MARGIN
        chosen = frozenset(document for document, score, coverage in found if score > least and coverage >= COVERAGE)
        return chosen if len([one for one in found if one[1] > least]) == len(chosen) <= NAMED else frozenset()

    def _by_words(self, named: frozenset[str], candidates: int) -> dict[str, Found]:
        """The lexical lists that chunks come from."""
        lists = {"lexical": self.once(("words", candidates), lambda: self._by_words_of(self.names, candidates))}
        if not named:
            return lists
        routed = self.once(("words", candidates, named), lambda: self._by_words_of(named, candidates))
        return lists | {f"{ROUTED}lexical": routed}

    def _nominated_by_meaning(self, near: Found, named: frozenset[str], candidates: int) -> dict[str, Found]:
        """The dense lists that chunks come from."""
        lists = {"dense": near[:candidates]}
        return lists | ({f"{ROUTED}dense": _of(named, near)[:candidates]} if named else {})

    def _by_words_of(self, documents: Collection[str], candidates: int) -> Found:
        within = None if self._scope.whole and len(documents) == len(self.names) else documents
        search = partial(self._lexical.search, self._name, self.text, documents=within)
        return self._scope.best(search, candidates, documents)

    def _by_meaning(self, question: Question, most: int, candidates: int) -> Found:
        """The dense list, long enough to look for named documents in it, if there are any."""
        scope, vector = self._scope, question.vector
        nearest = partial(self._store.nearest, self._name, vector)
        if not scope.ready:
            return []
        if scope.where is None:
            return scope.best(nearest, most, scope.ready)
        if scope.chunks <= EXACT_CHUNKS:
            every = self._store.companion.nearest(self._name, vector, scope.chunks, list(scope.ready))
            if len(every) >= scope.chunks:  # else it lacks some, which Chroma has
                return scope.best(lambda n: every[:n], most, scope.ready)
        found = scope.best(nearest, most, scope.ready, max(LOOKED_AT, candidates))
        if len(found) >= candidates:
            return found
        return scope.best(partial(nearest, where=scope.where), most, scope.ready)

    def _late(self, question: Question, nominated: Sequence[str], made: Mapping[str, Made]) -> Found:
        """Candidates by late interaction; without those of which no token vectors are to be had."""
        if not len(question.tokens):
            return []
        tokens = self._store.companion.tokens(self._name, nominated) if self._scope.comparable else {}
        tokens |= {one: bits for one, (_, bits) in made.items() if bits is not None}
        rated = [one for one in nominated if one in tokens and len(tokens[one])]
        if not rated:
            return []
        weights = self.once("weights", lambda: self._weights(question))
        scores = maxsim(question.tokens, weights, [tokens[one] for one in rated])
        return sorted(zip(rated, scores.tolist(), strict=True), key=lambda one: (-one[1], one[0]))

    def _weights(self, question: Question) -> NDArray[np.float32]:
        return token_weights(self.text, question, self._lexical.terms, partial(self._lexical.rarity, self._name))

    def _on_the_spot(self, nominated: Sequence[str]) -> dict[str, Made]:
        """What the model makes of the best chunks whose documents are still being embedded."""
        wanted = [one for one in nominated if document_of(one) in self._scope.searchable][:MOST_ON_THE_SPOT]
        chunks = self.chunks_by_id(wanted) if wanted else {}
        if not chunks:
            return {}
        vectors, tokens = self._embedder.encode_passages([one.embedded for one in chunks.values()])
        bits: Sequence[Bits | None] = tokens or [None] * len(chunks)
        return dict(zip(chunks, zip(vectors, bits, strict=True), strict=True))


def _of(documents: Collection[str], found: Found) -> Found:
    return [one for one in found if document_of(one[0]) in documents]
