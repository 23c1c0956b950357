"""The store: the one door to Chroma. Chunks and vectors in; ids, distances and chunks out.

Derived from the catalog and rebuilt from it. A folder is opened by its owner alone; who that is decides the workspace.
Here are cosine space, batches, deadlines, and Chroma's errors in words. Safe to use from threads.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag.records import Chunk, Document
from rag.store.companion import Bits, Companion
from rag.store.opened import Opened
from rag.store.rows import (
    check_fingerprint,
    check_vectors,
    chunk_metadata,
    document_metadata,
    store_name,
    to_chunk,
)

if TYPE_CHECKING:
    from chromadb.api.types import QueryResult

__all__ = ["Companion", "Store", "check_fingerprint", "chunk_metadata", "document_metadata", "similarity", "store_name"]

Vectors = NDArray[np.float32]

EXACT_ROWS = 5000
"""Vectors looked at in one go when every chunk is."""
BATCH_ROWS = 1000
"""Chroma takes 5,461 rows and 40 MB at most in one call; 1,000 rows of a model's vectors and text are < 8 MB."""


class Store(Opened):
    """What is kept in Chroma and beside it."""

    # -- collections -------------------------------------------------------------------------------

    def create(self, name: str, fingerprint: Mapping[str, str]) -> None:
        """Make the collection if it is missing; raises FingerprintError if it was made in another way."""
        with self._guard():
            found = self.client.get_or_create_collection(
                name,
                embedding_function=None,
                configuration={"hnsw": {"space": "cosine"}},
                metadata=dict(fingerprint),
            )
        check_fingerprint(name, found.metadata or {}, fingerprint)

    def drop(self, name: str) -> None:
        """Delete the collection; no error if it is not there."""
        from chromadb.errors import NotFoundError

        self._handles.pop(name, None)
        with self._guard(), suppress(NotFoundError):
            self.client.delete_collection(name)
        self.companion.drop(name)

    def names(self) -> list[str]:
        """All of Chroma's collections."""
        with self._guard():
            return [one.name for one in self.client.list_collections()]

    # -- chunks ------------------------------------------------------------------------------------

    def upsert(
        self, name: str, document: Document, chunks: Sequence[Chunk], vectors: Vectors, tokens: Sequence[Bits] = ()
    ) -> None:
        """Write chunks with their unit vectors, shape (len(chunks), dimension), and the signs of their tokens' vectors
        if the model has any. Doing it twice changes nothing.

        Raises FingerprintError before anything is written if the vectors are not what the collection holds.
        """
        collection = self._collection(name)
        check_vectors(name, collection.metadata or {}, vectors, len(chunks))
        self.companion.write(name, chunks, vectors, tokens)  # first: what Chroma has is taken to be whole
        for first in range(0, len(chunks), BATCH_ROWS):
            batch = chunks[first : first + BATCH_ROWS]
            with self._guard():
                collection.upsert(
                    ids=[chunk.id for chunk in batch],
                    embeddings=vectors[first : first + BATCH_ROWS],
                    documents=[chunk.text for chunk in batch],
                    metadatas=[chunk_metadata(document, chunk) for chunk in batch],
                )

    def chunk_ids(self, name: str, document_id: str) -> list[str]:
        """Ids of the document's chunks that are stored."""
        with self._guard():
            return list(self._collection(name).get(where={"document": document_id}, include=[])["ids"])

    def all_ids(self, name: str) -> list[str]:
        """Ids of all chunks of the collection."""
        with self._guard():
            return list(self._collection(name).get(include=[])["ids"])

    def stored(self, name: str, document_id: str) -> dict[str, dict[str, Any]]:
        """The document's chunks that are stored, by id, as `chunk_metadata` gives them."""
        found: dict[str, dict[str, Any]] = {}
        collection = self._collection(name)
        while True:
            with self._guard():
                some = collection.get(
                    where={"document": document_id}, include=["metadatas"], limit=EXACT_ROWS, offset=len(found)
                )
            found |= {one: dict(data) for one, data in zip(some["ids"], some["metadatas"] or [], strict=True)}
            if len(some["ids"]) < EXACT_ROWS:
                return found

    def vectors(self, name: str, ids: Sequence[str]) -> dict[str, Vectors]:
        """The vectors of chunks, (dimension,) each; those that are not there are left out."""
        found: dict[str, Vectors] = {}
        if not ids:  # perhaps because there is no such collection
            return found
        collection = self._collection(name)
        for first in range(0, len(ids), BATCH_ROWS):
            with self._guard():
                some = collection.get(ids=list(ids[first : first + BATCH_ROWS]), include=["embeddings"])
            rows = np.asarray(some["embeddings"], np.float32)
            found |= dict(zip(some["ids"], rows, strict=False))  # fewer rows than ids: the index has lost some
        return found

    def cosines(self, name: str, ids: Sequence[str], vector: Vectors) -> dict[str, float]:
        """How similar chunks are to a unit vector, (dimension,); those that are not there are left out."""
        found = self.companion.cosines(name, ids, vector)
        missing = self.vectors(name, [one for one in ids if one not in found])
        return found | {one: similarity(float(row @ vector)) for one, row in missing.items()}

    def delete(self, name: str, ids: Sequence[str]) -> None:
        """Delete chunks by id."""
        collection = self._collection(name)
        for first in range(0, len(ids), BATCH_ROWS):
            with self._guard():
                collection.delete(ids=list(ids[first : first + BATCH_ROWS]))
        self.companion.delete(name, ids)

    def remove(self, name: str, document_id: str) -> None:
        """Delete all there is of a document; no error for a collection that is not there."""
        self.companion.remove(name, document_id)
        if name in self.names():
            self.delete(name, self.chunk_ids(name, document_id))

    def count(self, name: str) -> int:
        """Chunks in the collection, counted by reading."""
        return len(self.all_ids(name))

    def nearest(
        self, name: str, vector: Vectors, n: int, where: Mapping[str, Any] | None = None
    ) -> list[tuple[str, float]]:
        """The `n` nearest chunks as (id, similarity in [0, 1]), best first; `where` as `to_chroma` returns it."""
        with self._guard():
            result = self._query(
                name, query_embeddings=vector[np.newaxis, :], n_results=n, where=where, include=["distances"]
            )
        distances = (result["distances"] or [[]])[0]
        if _is_trapped(distances):
            return self._nearest_exactly(name, vector, n, where)
        return [(one, similarity(1.0 - far)) for one, far in zip(result["ids"][0], distances, strict=True)]

    def _query(self, name: str, **asked: Any) -> QueryResult:
        """What a collection's `query` gives. Its handle is kept, for fetching it takes as long as a query."""
        from chromadb.errors import NotFoundError

        try:
            handle = self._handles.get(name) or self._collection(name)
            result = handle.query(**asked)
        except NotFoundError:  # it has been deleted and made again since
            handle = self._collection(name)
            result = handle.query(**asked)
        self._handles[name] = handle
        return result

    def _nearest_exactly(
        self, name: str, vector: Vectors, n: int, where: Mapping[str, Any] | None
    ) -> list[tuple[str, float]]:
        """As `nearest`, by looking at every chunk, a batch at a time."""
        best: list[tuple[float, str]] = []
        collection, filters, offset = self._collection(name), dict(where) if where else None, 0
        while True:
            with self._guard():
                found = collection.get(where=filters, include=["embeddings"], limit=EXACT_ROWS, offset=offset)
            if not found["ids"]:
                return [(chunk_id, similarity(score)) for score, chunk_id in best]
            scores = np.asarray(found["embeddings"], np.float32) @ vector
            best = heapq.nlargest(n, [*best, *zip(scores.tolist(), found["ids"], strict=True)])
            offset += len(found["ids"])

    def get(self, name: str, ids: Sequence[str]) -> dict[str, Chunk]:
        """Chunks by id; those that are not there are left out."""
        chunks: dict[str, Chunk] = {}
        for first in range(0, len(ids), BATCH_ROWS):
            with self._guard():
                found = self._collection(name).get(
                    ids=list(ids[first : first + BATCH_ROWS]), include=["documents", "metadatas"]
                )
            rows = zip(found["ids"], found["documents"] or [], found["metadatas"] or [], strict=True)
            chunks |= {chunk_id: to_chunk(chunk_id, text or "", data) for chunk_id, text, data in rows}
        return chunks


def _is_trapped(distances: Sequence[float]) -> bool:
    # HNSW links equal vectors with each other only. Where a text is repeated hundreds of times the search can end
    # among its copies and never see what is nearer; then most of what it finds is equally far.
    return len(distances) >= 4 and len({round(one, 5) for one in distances}) <= len(distances) / 2


def similarity(cosine: float) -> float:
    """A cosine as a score in [0, 1]."""
    return min(1.0, max(0.0, cosine))
