"""Finding passages in a workspace, and saying why one was not found."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from rag.errors import NotFoundError, StorageError
from rag.filters import Filter, Where, parse_where, to_chroma
from rag.parsing import page_noun
from rag.recipes import is_known
from rag.records import (
    Chunk,
    Collection,
    Configuration,
    Explanation,
    Hit,
    Passage,
    Step,
    Told,
    Visible,
    document_of,
    position_of,
    untold,
)
from rag.retrieval import Scope, Way, checked_question, tuning_of, with_passages
from rag.store import document_metadata
from rag.workspace.shelves import Shelves

if TYPE_CHECKING:  # LangChain's retrievers take a while to import
    from rag.workspace.retriever import WorkspaceRetriever

SEARCHES = 3
"""How often a search is done at most, if what it searches changes meanwhile."""


class Searching(Shelves):
    """Search."""

    def search(
        self,
        question: str,
        k: int | None = None,
        where: Where | None = None,
        collection: str | None = None,
        told: Told = untold,
        configuration: Configuration | None = None,
    ) -> list[Hit]:
        """The best `k` chunks for a question; `told` hears of each step. Of a `configuration` that counts which is done
        for a question: the passages are those of the collection. Raises QuestionError, FilterError, NotFoundError,
        StorageError."""
        k, way = self._k(k, configuration), self._way(configuration)
        question = checked_question(question, k, self.settings)
        clause = parse_where(where)
        with self._gate.shared():
            hits: list[Hit] = []
            for last in range(SEARCHES - 1, -1, -1):
                found = self._searchable(collection)
                visible = self.catalog.visible(found.name)
                scope = self._scope(found, visible, clause)
                try:
                    hits = self._hits(found, scope, question, k, told, way) if scope.names else []
                except StorageError:
                    if not last or not self._changed(collection, found):
                        raise
                    continue
                if self.catalog.visible(found.name) == visible and not self._changed(collection, found):
                    break  # else a document was replaced on the way, or the whole collection
            return hits

    def _changed(self, collection: str | None, found: Collection) -> bool:
        """Whether a collection is kept elsewhere by now, or called something else. Raises NotFoundError if it has been
        deleted on the way."""
        now = self.collection(collection)
        return (now.name, now.store_name) != (found.name, found.store_name)

    def _k(self, k: int | None, configuration: Configuration | None) -> int:
        return k if k is not None else configuration.k if configuration else self.settings.top_k

    def _way(self, configuration: Configuration | None) -> Way | None:
        if configuration is None:
            return None
        return Way(tuning_of(configuration), self.rerankers.scores_of(configuration.reranker))

    def _hits(self, found: Collection, scope: Scope, question: str, k: int, told: Told, way: Way | None) -> list[Hit]:
        around: dict[str, Passage] = {}

        def chunks_by_id(ids: Sequence[str]) -> dict[str, Chunk]:
            on_pages = self.catalog.chunks_on_pages(found.name, ids)
            around.update((one, page) for one, (_, page) in on_pages.items())
            return {one: chunk for one, (chunk, _) in on_pages.items()}

        embedder = self.recipes.embedder_of(found)
        hits = self.retriever.search(found.store_name, embedder, scope, question, k, chunks_by_id, told, way)
        told(Step.CONTEXT)
        return with_passages(hits, around, self.lexical.sharing(found.store_name, question))

    def as_retriever(
        self, k: int | None = None, where: Where | None = None, collection: str | None = None
    ) -> WorkspaceRetriever:
        """This workspace as a LangChain `BaseRetriever`, whose Documents have the metadata document (id), name, page,
        heading, start and end in the document's text, score, and when it was edited, if it was. Raises FilterError."""
        from rag.workspace.retriever import WorkspaceRetriever

        clause = parse_where(where)
        return WorkspaceRetriever(find=lambda question: self.search(question, k, clause, collection))

    def explain(
        self,
        question: str,
        document: str,
        page: int,
        k: int | None = None,
        where: Where | None = None,
        collection: str | None = None,
        configuration: Configuration | None = None,
    ) -> Explanation:
        """Why a page is or is not among the `k` hits for a question. `document` as `document()` takes it,
        `configuration` as `search` does.

        Raises NotFoundError if there is no such page with text, and what `search` raises.
        """
        k, way = self._k(k, configuration), self._way(configuration)
        question = checked_question(question, k, self.settings)
        clause = parse_where(where)
        with self._gate.shared():
            found = self._searchable(collection)
            wanted = self.document(document, found.name)
            chunks = [one for one in self.catalog.chunks(wanted) if one.page == page]
            if not chunks:
                raise NotFoundError(
                    f"{page_noun(wanted.name).capitalize()} {page} of {wanted.name} has no text, or is not there."
                )
            visible = self.catalog.visible(found.name)
            if wanted.id not in visible.names:
                return Explanation(chunks[0], {}, {}, None, "its document is not ready to be searched, or is replaced")
            scope = self._scope(found, visible, clause)
            if not scope.of([(one.id, 0.0) for one in chunks], scope.names):
                return Explanation(chunks[0], {}, {}, None, "the filter leaves it out")
            chunks_by_id = partial(self.catalog.chunks_by_id, found.name)
            embedder = self.recipes.embedder_of(found)
            asked = found.store_name, embedder, scope, question, k, chunks, chunks_by_id, way
            return self.retriever.explain(*asked)

    def _searchable(self, name: str | None) -> Collection:
        found = self.collection(name)
        if is_known(found):
            self.recipes.check(found)
        return found

    def _scope(self, found: Collection, visible: Visible, clause: Filter | None) -> Scope:
        """What may be found: of the visible documents those that pass, and how to tell of their chunks."""
        known = is_known(found)
        if not known:  # then what is stored is worth nothing: they are as documents without vectors
            visible = Visible({}, visible.names)
        if clause is None:
            return Scope(visible.ready, visible.searchable, True, 0, comparable=known)
        names = visible.names
        documents = {one: each for one, each in self.catalog.shown(found.name).items() if one in names}
        shared = {one: document_metadata(each) for one, each in documents.items()}
        passing = {one: clause.holds(data) for one, data in shared.items()}
        ready, searchable = (
            {one: name for one, name in some.items() if one in passing and passing[one] is not False}
            for some in (visible.ready, visible.searchable)  # read a moment before: one may be gone by now
        )

        def passes(ids: Sequence[str]) -> list[str]:
            there = {one: self.catalog.chunk_pages(documents[one]) for one in {document_of(one) for one in ids}}
            pages = {one: there[document_of(one)][position_of(one) :][:1] for one in ids}
            places = {one: (document_of(one), page[0]) for one, page in pages.items() if page}
            held = {(each, page): clause.holds(shared[each] | {"page": page}) for each, page in set(places.values())}
            return [one for one, place in places.items() if held[place]]

        by_page = any(passing[one] is None for one in (*ready, *searchable))
        chunks = sum(documents[one].chunks for one in ready)
        where = to_chroma(clause, {one.name for one in documents.values()})
        return Scope(ready, searchable, False, chunks, passes if by_page else None, where, known)
