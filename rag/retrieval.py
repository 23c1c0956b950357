"""Retrieval: a question in, hits out, best first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rag.embedding import Embedder
from rag.errors import QuestionError
from rag.records import Hit, document_of
from rag.settings import Settings
from rag.store import Store

OVER_FETCH = 4
"""Ids asked of Chroma for each hit wanted: whether a document may be shown is decided afterwards."""


class Retriever:
    """Finds the chunks nearest to a question. Safe to use from threads."""

    def __init__(self, store: Store, embedder: Callable[[], Embedder]) -> None:
        self._store = store
        self._embedder = embedder

    def search(
        self, store_name: str, visible: Mapping[str, str], question: str, k: int, where: Mapping[str, Any] | None
    ) -> list[Hit]:
        """The best `k` chunks among documents in `visible` (id -> name); `question` as `checked_question` and `where`
        as `parse_where` return it."""
        vector = self._embedder().encode_query(question)
        found = self._visible_nearest(store_name, visible, vector, k, where)
        chunks = self._store.get(store_name, [chunk_id for chunk_id, _ in found])
        return [
            Hit(chunk, visible[chunk.document_id], round(score, 6), {"dense": rank})
            for rank, (chunk_id, score) in enumerate(found, start=1)
            if (chunk := chunks.get(chunk_id)) is not None
        ]

    def _visible_nearest(
        self, store_name: str, visible: Mapping[str, str], vector: Any, k: int, where: Mapping[str, Any] | None
    ) -> list[tuple[str, float]]:
        n = k * OVER_FETCH
        while True:
            nearest = self._store.nearest(store_name, vector, n, where)
            shown = [one for one in nearest if document_of(one[0]) in visible]
            if len(shown) >= k or len(nearest) < n:
                return shown[:k]
            n *= OVER_FETCH


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
