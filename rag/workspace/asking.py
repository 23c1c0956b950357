"""The workspace, whole: what `Upkeep` and all below it can, and questions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from rag.answering import Sources
from rag.chunking import sentence_spans
from rag.filters import Where, matches, parse_where
from rag.ingestion import fingerprint
from rag.lexical.words import terms
from rag.records import VISIBLE, Answer, AnswerPiece, Collection, Hit, Visible
from rag.retrieval import checked_question
from rag.store import check_fingerprint, chunk_metadata
from rag.workspace.upkeep import Upkeep

SEARCHES = 3
"""How often a search is done at most, if what it searches changes meanwhile."""


class Workspace(Upkeep):
    """Everything Footnote can do with one data folder. Close it, or use it as a context manager."""

    def search(
        self, question: str, k: int | None = None, where: str | Where | None = None, collection: str | None = None
    ) -> list[Hit]:
        """The best `k` chunks for a question. Raises QuestionError, FilterError, NotFoundError, StorageError."""
        k = self.settings.top_k if k is None else k
        question = checked_question(question, k, self.settings)
        clause = parse_where(where)
        with self._gate.shared():
            found = self.collection(collection)
            for _ in range(SEARCHES):
                visible = self.catalog.visible(found.name)
                hits = self._hits(found, visible, question, k, clause) if visible.names else []
                if self.catalog.visible(found.name) == visible:  # else a document was replaced on the way
                    break
            return hits

    def _hits(self, found: Collection, visible: Visible, question: str, k: int, clause: Where | None) -> list[Hit]:
        check_fingerprint(found.name, found.fingerprint, fingerprint(self.embedder, self.settings))
        documents = {one.id: one for one in self.catalog.documents(found.name, VISIBLE)} if visible.searchable else {}
        return self.retriever.search(
            found.store_name,
            visible,
            question,
            k,
            clause,
            lambda ids: self.catalog.chunks_by_id(found.name, ids),
            lambda chunk: matches(clause, chunk_metadata(documents[chunk.document_id], chunk)),
        )

    def ask(
        self, question: str, k: int | None = None, where: str | Where | None = None, collection: str | None = None
    ) -> Answer:
        """An answer with its footnotes, whole."""
        *_, answer = self.ask_stream(question, k, where, collection)
        if not isinstance(answer, Answer):
            raise TypeError("an answer stream ends in an Answer")
        return answer

    def ask_stream(
        self, question: str, k: int | None = None, where: str | Where | None = None, collection: str | None = None
    ) -> Iterator[AnswerPiece | Answer]:
        """The answer in pieces as they come, and last the Answer itself."""
        started = time.monotonic()
        hits = self.search(question, k, where, collection)
        searched = time.monotonic() - started
        for one in self.answerer.stream(question.strip(), hits, self.sources(collection)):
            yield replace(one, timings={"search": searched, **one.timings}) if isinstance(one, Answer) else one

    def sources(self, collection: str | None = None) -> Sources:
        """How the texts of a collection are read for an answer."""
        name = self._name(collection)
        return Sources(sentence_spans, terms, lambda document, *place: self.catalog.passage(name, document, *place))
