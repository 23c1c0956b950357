"""Retrieval: a question in, hits out, best first.

Documents that are ready are searched by meaning. One whose vectors are still being made is searched by its words; the
chunks found are then embedded on the spot, so that all hits are ranked by the same score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rag.embedding import Embedder, Vectors
from rag.errors import QuestionError
from rag.lexical import Lexical
from rag.records import Chunk, Hit, Visible, document_of
from rag.settings import Settings
from rag.store import Store, similarity

OVER_FETCH = 4
"""Ids asked of Chroma for each hit wanted: whether a document may be shown is decided afterwards."""
MOST_BY_WORDS = 10
"""Chunks found by words that are embedded for a question, about 20 ms each."""

ChunksById = Callable[[Sequence[str]], Mapping[str, Chunk]]
Passes = Callable[[Chunk], bool]


class Retriever:
    """Finds the chunks nearest to a question. Safe to use from threads."""

    def __init__(self, store: Store, lexical: Lexical, embedder: Callable[[], Embedder]) -> None:
        self._store = store
        self._lexical = lexical
        self._embedder = embedder

    def search(
        self,
        store_name: str,
        visible: Visible,
        question: str,
        k: int,
        where: Mapping[str, Any] | None,
        chunks_by_id: ChunksById,
        passes: Passes,
    ) -> list[Hit]:
        """The best `k` chunks among the visible documents. `question` as `checked_question` and `where` as
        `parse_where` return it; `passes` decides the same for a chunk that is not in Chroma yet."""
        vector = self._embedder().encode_query(question)
        hits = self._by_meaning(store_name, visible.ready, vector, k, where) if visible.ready else []
        if visible.searchable:
            hits += self._by_words(store_name, visible.searchable, question, vector, k, chunks_by_id, passes)
        return sorted(hits, key=lambda hit: -hit.score)[:k]

    def _by_meaning(
        self, store_name: str, ready: Mapping[str, str], vector: Vectors, k: int, where: Mapping[str, Any] | None
    ) -> list[Hit]:
        found = self._nearest(store_name, ready, vector, k, where)
        chunks = self._store.get(store_name, [chunk_id for chunk_id, _ in found])
        return [
            Hit(chunk, ready[chunk.document_id], round(score, 6), {"dense": rank})
            for rank, (chunk_id, score) in enumerate(found, start=1)
            if (chunk := chunks.get(chunk_id)) is not None
        ]

    def _nearest(
        self, store_name: str, ready: Mapping[str, str], vector: Vectors, k: int, where: Mapping[str, Any] | None
    ) -> list[tuple[str, float]]:
        n = k * OVER_FETCH
        while True:
            nearest = self._store.nearest(store_name, vector, n, where)
            shown = [one for one in nearest if document_of(one[0]) in ready]
            if len(shown) >= k or len(nearest) < n:
                return shown[:k]
            n *= OVER_FETCH

    def _by_words(
        self,
        store_name: str,
        searchable: Mapping[str, str],
        question: str,
        vector: Vectors,
        k: int,
        chunks_by_id: ChunksById,
        passes: Passes,
    ) -> list[Hit]:
        most = min(k, MOST_BY_WORDS)
        ids = [one for one, _ in self._lexical.search(store_name, question, most * OVER_FETCH, searchable)]
        chunks = chunks_by_id(ids)
        found = [chunks[one] for one in ids if one in chunks and passes(chunks[one])][:most]
        if not found:
            return []
        scores = self._embedder().encode([one.text for one in found]) @ vector
        return [
            Hit(chunk, searchable[chunk.document_id], round(similarity(float(score)), 6), {"lexical": rank})
            for rank, (chunk, score) in enumerate(zip(found, scores, strict=True), start=1)
        ]


def checked_question(question: str, k: int, settings: Settings) -> str:
    """The question without white space around it. Raises QuestionError."""
    question = question.encode(errors="surrogateescape").decode(errors="replace").strip()  # a shell's odd bytes
    if not question:
        raise QuestionError("The question is empty. Type what you want to know.")
    if len(question) > settings.max_question_chars:
        raise QuestionError(
            f"The question has {len(question):,} characters; {settings.max_question_chars:,} are allowed. Shorten it, "
            "or upload the long text as a document and ask about it."
        )
    if not 1 <= k <= 1000:
        raise QuestionError(f"k is {k}; ask for between 1 and 1000 passages.")
    return question
