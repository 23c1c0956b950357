"""How documents and collections go, and what an interruption leaves."""

from __future__ import annotations

from rag.errors import NotFoundError
from rag.ingestion.parts import Parts
from rag.records import Collection, Document, State

CANCELLED = "It was cancelled. Retry it to index it after all."


class Removal:
    """Removes. Everything here may be done twice, and beside a worker."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def delete(self, document: Document) -> None:
        """Remove a document everywhere. Interrupted, or with Chroma out of reach, the worker finishes it later."""
        self._parts.catalog.mark_deleting(document)
        self.remove(document)

    def cancel(self, document: Document) -> bool:
        """Stop an unfinished document; False if there was nothing to stop. Its bytes are kept, for another try."""
        cancelled = self._parts.catalog.fail(document, CANCELLED)
        if cancelled:
            self.leave_nothing(document)
        return cancelled

    def remove(self, document: Document) -> None:
        """Remove a document that is marked as deleting: its chunks, its rows, its bytes."""
        self._unindex(document, self._parts.catalog.collection(document.collection).store_name)
        with self._parts.files:
            if self._parts.catalog.delete(document):
                self._parts.folder.discard(document.id)

    def delete_collection(self, collection: Collection) -> None:
        """Remove a collection with all its documents."""
        for document in self._parts.catalog.documents(collection.name):
            self._parts.catalog.mark_deleting(document)  # whoever works on it stops, and nobody finds it any more
        self._drop(collection)
        self.forget_collection(collection)

    def forget_collection(self, collection: Collection) -> None:
        """Remove a collection from the catalog, with the bytes that no other one needs."""
        with self._parts.files:
            for document_id in self._parts.catalog.delete_collection(collection.name):
                self._parts.folder.discard(document_id)

    def finish_deletions(self) -> None:
        """Finish the deletions that were interrupted."""
        for document in self._parts.catalog.documents(states=[State.DELETING]):
            self.remove(document)

    def sweep(self) -> None:
        """Remove what an interruption can leave behind: bytes and indexes that the catalog does not know."""
        with self._parts.files:
            self._parts.folder.sweep(self._parts.catalog.claimed())
        known = {one.store_name for one in self._parts.catalog.collections()}
        for name in set(self._parts.lexical.names()) - known:
            self._parts.lexical.drop(name)
        if self._parts.settings.chroma_mode == "persistent":  # elsewhere others may have collections of theirs
            for name in set(self._parts.store.names()) - known:
                self._parts.store.drop(name)

    def leave_nothing(self, document: Document, collection: Collection | None = None) -> None:
        """If a document that was worked on is to go no further, remove what was written of it."""
        try:
            found = self._parts.catalog.collection(document.collection)
        except NotFoundError:
            if collection is not None:
                self._drop(collection)
            return
        try:
            state = self._parts.catalog.document(document.collection, document.id).state
        except NotFoundError:
            state = State.DELETING
        if state in (State.FAILED, State.DELETING):
            self._unindex(document, found.store_name)

    def _unindex(self, document: Document, name: str) -> None:
        self._parts.lexical.remove(name, [document.id])
        if name in self._parts.store.names():
            self._parts.store.delete(name, self._parts.store.chunk_ids(name, document.id))

    def _drop(self, collection: Collection) -> None:
        self._parts.lexical.drop(collection.store_name)
        self._parts.store.drop(collection.store_name)
