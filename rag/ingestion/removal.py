"""How documents and collections go, and what an interruption leaves."""

from __future__ import annotations

from rag.errors import NotFoundError
from rag.ingestion.parts import Parts
from rag.records import Collection, Document, Failure, State

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
        cancelled = self._parts.catalog.fail(document, CANCELLED, document.timings, Failure.CANCELLED)
        with self._parts.busy.try_hold(document) as free:
            if free:
                self.settle(document)
        return cancelled

    def remove(self, document: Document, wait: bool = False) -> None:
        """Remove a document that is marked as deleting. If a worker has it, that is left to the worker, which then
        stops and does it, or is waited for."""
        hold = self._parts.busy.hold(document) if wait else self._parts.busy.try_hold(document)
        with hold as free:
            if free is not False:
                self._remove(document)

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

    def clear_failed(self) -> None:
        """Remove what a kill can leave in the indexes of documents that have failed or were cancelled."""
        for document in self._parts.catalog.documents(states=[State.FAILED]):
            with self._parts.busy.hold(document):
                self.settle(document)

    def settle(self, document: Document, collection: Collection | None = None) -> None:
        """Whoever has a document in hand leaves nothing of it in the indexes if it is deleted or has failed by now."""
        try:
            name = self._parts.catalog.collection(document.collection).store_name
        except NotFoundError:
            if collection is not None:
                self._drop(collection)
            return
        found = [one for one in self._parts.catalog.find(document.id, document.collection) if one.id == document.id]
        if not found or found[0].state is State.FAILED:
            self._unindex(document, name)
        elif found[0].state is State.DELETING:
            self._remove(found[0])

    def _remove(self, document: Document) -> None:
        """Its chunks, its rows, its bytes."""
        self._unindex(document, self._parts.catalog.collection(document.collection).store_name)
        with self._parts.files:
            if self._parts.catalog.delete(document):
                self._parts.folder.discard(document.id)

    def _unindex(self, document: Document, name: str) -> None:
        self._parts.lexical.remove(name, [document.id])
        if name in self._parts.store.names():
            self._parts.store.delete(name, self._parts.store.chunk_ids(name, document.id))

    def _drop(self, collection: Collection) -> None:
        self._parts.lexical.drop(collection.store_name)
        self._parts.store.drop(collection.store_name)
