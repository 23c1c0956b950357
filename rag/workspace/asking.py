"""The workspace, whole: what `Upkeep` and all below it can, and questions."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace

from rag.answering import asks_for_overview
from rag.errors import NotFoundError
from rag.filters import Where, matches, parse_where
from rag.ingestion import fingerprint
from rag.records import (
    VISIBLE,
    Answer,
    AnswerPiece,
    Collection,
    Document,
    Exchange,
    Hit,
    Overview,
    State,
    Visible,
)
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
        self,
        question: str,
        k: int | None = None,
        where: str | Where | None = None,
        collection: str | None = None,
        conversation: Sequence[Exchange] = (),
    ) -> Answer:
        """An answer with its footnotes, whole."""
        *_, answer = self.ask_stream(question, k, where, collection, conversation)
        if not isinstance(answer, Answer):
            raise TypeError("an answer stream ends in an Answer")
        return answer

    def ask_stream(
        self,
        question: str,
        k: int | None = None,
        where: str | Where | None = None,
        collection: str | None = None,
        conversation: Sequence[Exchange] = (),
    ) -> Iterator[AnswerPiece | Answer]:
        """The answer in pieces as they come, and last the Answer itself.

        `conversation` is what was asked before, last at the end: a question that depends on it ("and in 2019?") is
        completed, and the Answer's `searched` says to what. Nothing of it is kept.
        """
        k = self.settings.top_k if k is None else k
        question = checked_question(question, k, self.settings)
        searched = self.answerer.standalone(question, conversation)
        if asks_for_overview(searched) and (only := self._only_document(where, collection)):
            yield from self._overview_stream(only, question)
            return
        started = time.monotonic()
        hits = self.search(searched, k, where, collection)
        timings = {"search": time.monotonic() - started}
        for one in self.answerer.stream(searched, hits):
            if isinstance(one, Answer):
                one = replace(one, question=question, searched=searched, timings={**timings, **one.timings})
            yield one

    def _only_document(self, where: str | Where | None, collection: str | None) -> Document | None:
        """The one document that is asked about, if it is just one."""
        clause, found = parse_where(where), self.collection(collection)
        if clause is not None and clause.keys() - {"document", "name"}:
            return None
        there = self.catalog.documents(found.name, VISIBLE)
        chosen = [one for one in there if matches(clause, {"document": one.id, "name": one.name})]
        return chosen[0] if len(chosen) == 1 else None

    def _overview_stream(self, document: Document, question: str) -> Iterator[AnswerPiece | Answer]:
        steps = self._overview_steps(document)
        while True:
            try:
                yield AnswerPiece(f"{next(steps)}…", restart=True)
            except StopIteration as end:
                overview: Overview = end.value
                break
        answer = replace(overview.answer, question=question, searched=question, overview=overview)
        yield AnswerPiece(answer.text, restart=True)
        yield answer

    def overview(
        self, prefix: str, collection: str | None = None, progress: Callable[[str], None] | None = None
    ) -> Overview:
        """What a document is about: its outline and its key sentences, each with its page, or where there is a language
        model an account in that one's words. `progress` is told what is being done.

        Raises NotFoundError, also for a document whose text has not been read yet.
        """
        steps = self._overview_steps(self.document(prefix, collection))
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                found: Overview = end.value
                return found
            if progress:
                progress(step)

    def _overview_steps(self, document: Document) -> Generator[str, None, Overview]:
        if document.state not in VISIBLE:
            raise NotFoundError(f"{document.name} is {document.state}: an overview needs its text. Wait, or retry it.")
        with self._gate.shared():
            found = self.catalog.collection(document.collection)
            check_fingerprint(found.name, found.fingerprint, fingerprint(self.embedder, self.settings))
            chunks = self.catalog.chunks(document)
            ready = document.state is State.READY
            vectors = self.store.vectors(found.store_name, [one.id for one in chunks]) if ready else {}
        return (yield from self.answerer.overview(document, chunks, vectors))
