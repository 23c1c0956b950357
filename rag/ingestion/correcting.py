"""Passages that were changed by hand, on their way into the indexes.

What was changed is in the catalog first, in one transaction with the document's going back to `searchable`. So whatever
happens in between, somebody finishes it: whoever changed it at once, or the owner's worker.
"""

from __future__ import annotations

from rag.catalog.overlays import CORRECTING
from rag.embedding import Embedder
from rag.errors import InputError
from rag.ingestion.parts import Parts
from rag.recipes import SPECIAL_TOKENS
from rag.records import Chunk, Document, Overlay, State


class Corrections:
    """Changes chunks of ready documents, one at a time."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def lay(self, document: Document, chunk: str, overlay: Overlay | None) -> None:
        """Lay something over a chunk, or take away what lies over it, here and in the indexes: only this chunk is
        embedded anew. Raises InputError if the document is not ready, FingerprintError, StorageError, ModelError."""
        self._parts.collection(document)  # made in another way than now: nothing is changed
        with self._parts.busy.hold(document):
            now = self._parts.catalog.document(document.collection, document.id)
            if now.state is not State.READY:
                raise InputError(f"{now.name} is being indexed. Wait until it is ready, then correct its passages.")
            now = self._parts.catalog.lay(now, chunk, overlay)
            self._write_words(now)
            self._write_vector(now, chunk)
            self._parts.catalog.corrected_in_indexes(now)

    def resume(self, document: Document) -> None:
        """Bring the words of a document after it whose correction was interrupted; its vectors are next."""
        if document.stage == CORRECTING:
            self._write_words(document)

    def require_room(self, document: Document, chunk: Chunk) -> None:
        """Raises InputError for a text that is longer than the embedding model reads."""
        embedder = self._embedder(document)
        most = embedder.max_tokens - SPECIAL_TOKENS
        tokens = len(embedder.token_offsets(chunk.embedded))
        if tokens > most:
            raise InputError(
                f"The passage is too long to be searched whole: with its heading it has {tokens} tokens (parts of "
                f"words), and the model of {document.collection!r} reads {most}. Shorten it."
            )

    def _embedder(self, document: Document) -> Embedder:
        return self._parts.recipes.embedder_of(self._parts.catalog.collection(document.collection))

    def _write_words(self, document: Document) -> None:
        name = self._parts.catalog.collection(document.collection).store_name
        self._parts.lexical.replace(name, document, self._parts.catalog.chunks(document))

    def _write_vector(self, document: Document, chunk_id: str) -> None:
        name, store = self._parts.catalog.collection(document.collection).store_name, self._parts.store
        # Written over, a vector would be moved within Chroma's index, where a search then often misses it.
        store.delete(name, [chunk_id])
        if chunk := self._parts.catalog.chunks_by_id(document.collection, [chunk_id]).get(chunk_id):
            vectors, tokens = self._embedder(document).encode_passages([chunk.embedded])
            store.upsert(name, document, [chunk], vectors, tokens)
