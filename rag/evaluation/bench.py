"""A bench: passages and vectors made in one way, and all that several configurations do with them for one question.

It goes the way of an ordinary search; what configurations have in common is done once, and counted to each of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from rag.embedding import Embedder, Question
from rag.errors import InputError
from rag.evaluation.locating import Library
from rag.records import QUOTING, Answer, Chunk, Configuration, Hit
from rag.retrieval import ChunksById, Rerank, Retriever, Scope, Way, tuning_of

Questions = dict[str, tuple[Question, float]]
"""Questions as one model has encoded them, and the seconds that took."""


class ChangedError(InputError):
    """The documents are no longer those that a study began with."""


@dataclass(frozen=True, slots=True)
class Bench:
    """`name` is the index's; `rerank` gives the cross-encoder of a name, `answer` what is made of hits. `at_work` is
    held while something is searched for, and raises ChangedError if the documents are not those that it was made for.
    `answers_in` says where answers stand in what is searched, if not where they stand for the whole study. `in_memory`
    says that it is no collection, whose times are others. `remark` is to be said with what comes of it. `close` lets go
    of what is open."""

    retriever: Callable[[], Retriever]
    name: str
    embedder: Embedder
    scope: Scope
    chunks_by_id: ChunksById
    rerank: Callable[[str], Rerank | None]
    answer: Callable[[str, Sequence[Hit], Configuration], Answer]
    at_work: Callable[[], AbstractContextManager[None]]
    is_verbatim: Callable[[Answer], list[bool]]
    answers_in: Library | None = None
    in_memory: bool = False
    remark: str = ""
    close: Callable[[], None] = lambda: None


class Asked:
    """A question at a bench, for several configurations. For one thread."""

    def __init__(self, bench: Bench, question: str, encoded: Questions) -> None:
        self._bench, self._question, self._encoded = bench, question, encoded

        def chunks_by_id(ids: Sequence[str]) -> dict[str, Chunk]:
            return self._once.each("chunk", ids, bench.chunks_by_id)

        self._lists = bench.retriever().lists(bench.name, bench.embedder, bench.scope, question, chunks_by_id)
        self._once = self._lists.once
        if question in encoded:
            self._once["question"] = encoded[question]

    def hits(self, configuration: Configuration) -> tuple[list[Hit], float]:
        """What `Workspace.search` finds so configured, and the ms that it takes by itself. Raises ChangedError."""
        way = Way(tuning_of(configuration), self._rerank(configuration.reranker))
        with self._bench.at_work():
            began, saved = time.perf_counter(), self._once.saved
            hits = self._bench.retriever().best(self._lists, configuration.k, way=way)
            milliseconds = self._since(began, saved)
        if self._question not in self._encoded and "question" in self._once:
            self._encoded[self._question] = self._once["question"]
        return hits, milliseconds

    def answer(self, configuration: Configuration, hits: Sequence[Hit]) -> tuple[Answer, float]:
        """What is answered from hits, and the ms that it takes by itself."""
        # A language model is shown passages; who quotes looks at their scores, too, and is told when to be silent.
        same: tuple[Hashable, ...] = ("answer", configuration.answerer, *(hit.chunk.id for hit in hits))
        if configuration.answerer == QUOTING:
            same = (*same, *(hit.score for hit in hits), configuration.abstain_below)
        began, saved = time.perf_counter(), self._once.saved
        answer = self._once(same, lambda: self._bench.answer(self._question, hits, configuration))
        return answer, self._since(began, saved)

    def _since(self, began: float, saved: float) -> float:
        return (time.perf_counter() - began + self._once.saved - saved) * 1000

    def _rerank(self, name: str) -> Rerank | None:
        """The cross-encoder, which reads no passage twice."""
        scores = self._bench.rerank(name)
        if scores is None:
            return None

        def rerank(question: str, passages: Sequence[str]) -> list[float]:
            def read(new: Sequence[str]) -> dict[str, float]:
                return dict(zip(new, scores(question, new), strict=True))

            found = self._once.each(f"read by {name}", passages, read)
            return [found[one] for one in passages]

        return rerank
