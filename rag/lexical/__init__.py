"""The lexical index: which chunks have a question's words, ranked by BM25, one tantivy index per collection.

Derived from the catalog and rebuilt from it. Safe to use from threads: many search while one writes, and a search
sees a document as it was before a write or after it. Who may write is decided by the folder's owner; any process
may read, and sees what was committed at its next search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import tantivy

from rag.lexical.naming import FRONT_CHARS, FRONT_WEIGHT, name_terms, plain_periods, title_terms
from rag.lexical.opened import Indexes, damage_in_words
from rag.lexical.words import (
    NAMING,
    chunks_query,
    content_terms,
    document_row,
    naming_query,
    question_query,
    row,
    terms,
)
from rag.records import Chunk, Document, document_label

__all__ = ["Lexical"]

FRONT_CHUNKS = 5


class Lexical(Indexes):
    """The lexical indexes under one folder, a subfolder for each physical collection name; words are those of
    `language`.

    Every method raises StoreDamagedError where an index is damaged, from another version or for another language,
    except `drop`.
    """

    # -- writing -----------------------------------------------------------------------------------

    def replace(self, name: str, document: Document, chunks: Iterable[Chunk]) -> None:
        """Make `chunks` the document's chunks, whatever it had, in one commit. Doing it twice changes nothing.

        Raises StorageError if it cannot be written, and what going through `chunks` raises; then the document is as it
        was.
        """
        self.fill(name, [(document, chunks)])

    def fill(self, name: str, documents: Iterable[tuple[Document, Iterable[Chunk]]]) -> None:
        """As `replace`, for several documents in one commit."""
        with self._writer(name) as writer:
            for document, chunks in documents:
                _add(writer, document, chunks)

    def remove(self, name: str, document_ids: Sequence[str]) -> None:
        """Take the documents out, in one commit. No error for those that are not there."""
        if self._reader(name) is None:
            return
        with self._writer(name) as writer:
            for document_id in document_ids:
                writer.delete_documents_by_term("document", document_id)

    # -- words -------------------------------------------------------------------------------------

    def terms(self, text: str) -> list[str]:
        """The different words of a text as the index knows them, in the order they come."""
        return terms(text, self._language)

    def content_terms(self, text: str) -> list[str]:
        """As `terms`, without words that say nothing, unless there are no others."""
        return content_terms(text, self._language)

    def sharing(self, name: str, question: str) -> Callable[[str], float]:
        """What tells how much a text has of a question's words: the sum of their rarity."""
        telling = self.rarity(name, self.content_terms(question))
        return lambda text: sum(telling.get(term, 0.0) for term in self.terms(text))

    # -- reading -----------------------------------------------------------------------------------

    def size(self, name: str) -> int:
        """Chunks in the index; 0 if there is none."""
        return len(self.chunk_ids(name))

    def chunk_ids(self, name: str, document_id: str | None = None) -> set[str]:
        """Ids of the chunks that are there, of all documents or of one."""
        query = chunks_query(None if document_id is None else [document_id])
        return {chunk_id for chunk_id, _ in self._found(name, query)}

    def search(
        self, name: str, question: str, n: int, documents: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """The `n` chunks that match best as (chunk id, BM25 score above 0), best first; of `documents` only, if given.

        Any question at all: one without words, or an index that is not there, finds nothing.
        """
        query = question_query(question, documents, self._language)
        return self._found(name, query, n) if query is not None and n > 0 else []

    def rarity(self, name: str, words: Collection[str], fields: Sequence[str] = ("text",)) -> dict[str, float]:
        """How much terms tell (BM25's idf, 0 and more): of chunks' text, or of documents' own rows with NAMING."""
        reader = self._reader(name)
        if reader is None:
            return {}
        with damage_in_words(name):
            kind = "chunk" if "text" in fields else "document"
            total = reader.searcher.doc_freq("kind", kind)
            often = {one: max(reader.searcher.doc_freq(field, one) for field in fields) for one in words}
        return {one: math.log(1 + (total - n + 0.5) / (n + 0.5)) for one, n in often.items() if n <= total}

    def named(
        self, name: str, question: str, n: int, documents: Collection[str] | None = None
    ) -> list[tuple[str, float, float]]:
        """The `n` documents that a question names most, as (document id, score above 0, coverage), of `documents` only,
        if given. Coverage: which share in [0, 1] of what looks like a name in the question, by rarity, is its."""
        names, words = (find(question, self._language) for find in (name_terms, title_terms))
        telling = self.rarity(name, {*names, *words}, NAMING)
        wanted = {
            one: {"label": value, **({"front": value * FRONT_WEIGHT} if one in names else {})}
            for one, value in telling.items()
        }
        found = self._found(name, naming_query(wanted, documents), n, "document")
        whole = sum(telling.get(one, 0.0) for one in names)
        return [
            (document, score, self._coverage(name, document, names, telling) / (whole or 1.0))
            for document, score in found
        ]

    def _coverage(self, name: str, document: str, names: Sequence[str], telling: Mapping[str, float]) -> float:
        wanted = {one: dict.fromkeys(NAMING, telling[one]) for one in names if one in telling}
        return sum(score for _, score in self._found(name, naming_query(wanted, [document]), 1, "document"))

    def _found(
        self, name: str, query: tantivy.Query | None, n: int | None = None, field: str = "chunk"
    ) -> list[tuple[str, float]]:
        reader = self._reader(name)
        if query is None or reader is None or not reader.searcher.num_docs:  # tantivy panics when asked for none
            return []
        searcher = reader.searcher
        with damage_in_words(name):
            hits = searcher.search(query, min(n or searcher.num_docs, searcher.num_docs), count=False).hits
            found = [(str(searcher.doc(address).get_first(field)), float(score)) for score, address in hits]
        return sorted(found, key=lambda one: (-one[1], one[0]))


def _add(writer: tantivy.IndexWriter, document: Document, chunks: Iterable[Chunk]) -> None:
    front: list[str] = []
    label = f"{document_label(document.name, document.title)} {document.name}"
    writer.delete_documents_by_term("document", document.id)
    for chunk in chunks:
        writer.add_document(row(document, chunk))
        front += [chunk.text] if len(front) < FRONT_CHUNKS else []
    if front:
        writer.add_document(
            document_row(document.id, plain_periods(label), plain_periods(" ".join(front)[:FRONT_CHARS]))
        )
