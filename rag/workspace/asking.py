"""The workspace, whole: what `Upkeep` and all below it can, and questions."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from rag.answering import Texts
from rag.chunking import sentence_spans
from rag.errors import NotFoundError
from rag.filters import Where, document_matches, matches, parse_where
from rag.ingestion import fingerprint
from rag.language import language_notice
from rag.lexical import terms
from rag.records import Answer, AnswerPiece, Collection, Explanation, Hit, Visible, document_of
from rag.retrieval import Scope, checked_question
from rag.store import check_fingerprint, document_metadata
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
            found = self._searchable(collection)
            for _ in range(SEARCHES):
                visible = self.catalog.visible(found.name)
                scope = self._scope(found, visible, clause)
                chunks_by_id = partial(self.catalog.chunks_by_id, found.name)
                hits = self.retriever.search(found.store_name, scope, question, k, chunks_by_id) if scope.names else []
                if self.catalog.visible(found.name) == visible:  # else a document was replaced on the way
                    break
            return hits

    def explain(
        self,
        question: str,
        document: str,
        page: int,
        k: int | None = None,
        where: str | Where | None = None,
        collection: str | None = None,
    ) -> Explanation:
        """Why a page is or is not among the `k` hits for a question. `document` as `document()` takes it.

        Raises NotFoundError if there is no such page with text, and what `search` raises.
        """
        k = self.settings.top_k if k is None else k
        question = checked_question(question, k, self.settings)
        clause = parse_where(where)
        with self._gate.shared():
            found = self._searchable(collection)
            wanted = self.document(document, found.name)
            chunks = [one for one in self.catalog.chunks(wanted) if one.page == page]
            if not chunks:
                raise NotFoundError(f"Page {page} of {wanted.name} has no text, or there is no such page.")
            visible = self.catalog.visible(found.name)
            if wanted.id not in visible.names:
                return Explanation(chunks[0], {}, {}, None, "its document is not ready to be searched, or is replaced")
            scope = self._scope(found, visible, clause)
            if not scope.of([(one.id, 0.0) for one in chunks], scope.names):
                return Explanation(chunks[0], {}, {}, None, "the filter leaves it out")
            chunks_by_id = partial(self.catalog.chunks_by_id, found.name)
            return self.retriever.explain(found.store_name, scope, question, k, chunks, chunks_by_id)

    def _searchable(self, name: str | None) -> Collection:
        found = self.collection(name)
        check_fingerprint(found.name, found.fingerprint, fingerprint(self.embedder, self.settings))
        return found

    def _scope(self, found: Collection, visible: Visible, clause: Where | None) -> Scope:
        """What may be found: of the visible documents those that pass, and how to tell of their chunks."""
        if clause is None:
            return Scope(visible.ready, visible.searchable, True, 0)
        documents = {one.id: one for one in self.catalog.documents(found.name) if one.id in visible.names}
        passing = {one: document_matches(clause, document_metadata(each)) for one, each in documents.items()}
        ready, searchable = (
            {one: name for one, name in some.items() if passing.get(one) is not False}
            for some in (visible.ready, visible.searchable)
        )

        def passes(ids: Sequence[str]) -> list[str]:
            pages = self.catalog.chunk_pages(found.name, ids)
            return [
                one
                for one in ids
                if one in pages
                and matches(clause, document_metadata(documents[document_of(one)]) | {"page": pages[one]})
            ]

        by_page = any(passing.get(one) is None for one in (*ready, *searchable))
        chunks = sum(documents[one].chunks for one in ready)
        return Scope(ready, searchable, False, chunks, passes if by_page else None)

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
        for one in self.answerer.stream(question.strip(), hits, self.texts(collection)):
            if isinstance(one, Answer):
                told = " ".join(part for part in (one.notice, self._foreign(one, collection)) if part)
                one = replace(one, notice=told, timings={"search": searched, **one.timings})
            yield one

    def _foreign(self, answer: Answer, collection: str | None) -> str:
        """What to know of the languages of the documents that are cited, or that come closest."""
        cited = [one.document for one in answer.citations] or [hit.chunk.document_id for hit in answer.hits]
        name = self.collection(collection).name if cited else ""
        found = self.catalog.among([(name, one) for one in dict.fromkeys(cited)])
        return language_notice([(one.name, one.language) for one in found], self.settings.embedding_model)

    def texts(self, collection: str | None = None) -> Texts:
        """How the texts of a collection are read for an answer."""
        found = self.collection(collection)
        between, rarity = partial(self.catalog.passage, found.name), partial(self.lexical.rarity, found.store_name)
        return Texts(sentence_spans, terms, between, rarity)
