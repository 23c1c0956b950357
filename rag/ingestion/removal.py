"""How documents and collections go, and what an interruption leaves."""

from __future__ import annotations

from dataclasses import replace

from rag.errors import NotFoundError
from rag.ingestion.parts import Parts
from rag.records import Collection, Document, Failure, State

CANCELLED = "It was cancelled. Retry it to index it after all."


class Removal:
    """Removes. Everything here may be done twice, and beside a worker."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def delete(self, document: Document) -> None:
        """Hide a document and remove it everywhere. What cannot be removed now, the owner's worker removes later."""
        self._parts.catalog.mark_deleting(document)
        self.clear(document)

    def cancel(self, document: Document) -> bool:
        """Stop an unfinished document; False if there was nothing to stop. Its bytes are kept, for another try."""
        cancelled = self._parts.catalog.fail(document, CANCELLED, document.timings, Failure.CANCELLED)
        self.clear(document)
        return cancelled

    def clear(self, document: Document) -> None:
        """Remove what must go of a document that is marked as deleting or has failed.

        Where another process owns the indexes, its worker does so later; a worker that has the document in hand stops
        and does it as it lets go.
        """
        if self._parts.folder.owned:
            with self._parts.busy.try_hold(document) as free:
                if free:
                    self.settle(document)

    def delete_collection(self, collection: Collection) -> None:
        """Remove a collection with all its documents."""
        for document in self._parts.catalog.documents(collection.name):
            self._parts.catalog.mark_deleting(document)  # whoever works on it stops, and nobody finds it any more
        self._drop(collection)
        self.forget_collection(collection)

    def forget_collection(self, collection: Collection) -> None:
        """Remove a collection from the catalog, with the bytes that no other one needs."""
        for document_id in self._parts.catalog.delete_collection(collection.name):
            self._discard(document_id)

    def clear_all(self) -> None:
        """Remove what must go of all documents: what was interrupted, or left to the owner."""
        for document in self._parts.catalog.uncleared():
            self.clear(document)

    def sweep(self) -> None:
        """Remove what an interruption can leave behind: bytes and indexes that the catalog does not know."""
        self._parts.folder.sweep(self._parts.catalog.claimed)
        lexical, store = self._parts.lexical, self._parts.store
        arriving, left = self._parts.folder.arrivals()
        # The names before what is known: a collection may be made meanwhile.
        words, beside = lexical.names(), store.companion.names()
        vectors = store.names() if self._parts.settings.chroma_is_ours else []
        known = {one.store_name for one in self._parts.catalog.collections()} | arriving
        for name in left:
            if name not in known:  # on a server of others it is known by its mark alone
                store.drop(name)
                lexical.drop(name)
            self._parts.folder.note_cleared(name)
        for name in set(words) - known:
            lexical.drop(name)
        for name in set(beside) - known:
            store.companion.drop(name)
        for name in set(vectors) - known:
            store.drop(name)

    def settle(self, document: Document, collection: Collection | None = None) -> None:
        """Whoever has a document in hand leaves nothing of it in the indexes if it is deleted or has failed by now.

        `collection` is the document's as it was at the beginning: it may have been renamed or deleted since.
        """
        found = self._found(document, collection)
        if found is None:
            if collection is not None:
                self._drop(collection)
            return
        now = self._now(replace(document, collection=found.name))
        if now is None or now.state in (State.FAILED, State.DELETING):
            self._unindex(document, found.store_name)
        if now is not None and now.state is State.FAILED:
            self._parts.catalog.note_cleared(now)
        elif now is not None and now.state is State.DELETING and self._parts.catalog.delete(now):
            self._discard(now.id)

    def _found(self, document: Document, collection: Collection | None) -> Collection | None:
        if collection is not None:
            return self._parts.catalog.collection_of(collection.id)
        try:
            return self._parts.catalog.collection(document.collection)
        except NotFoundError:
            return None

    def _discard(self, document_id: str) -> None:
        self._parts.folder.discard(document_id, lambda: self._parts.catalog.is_claimed(document_id))

    def _now(self, document: Document) -> Document | None:
        """The document as it is by now: it may have been deleted, or queued anew."""
        try:
            return self._parts.catalog.document(document.collection, document.id)
        except NotFoundError:
            return None

    def _unindex(self, document: Document, name: str) -> None:
        self._parts.lexical.remove(name, [document.id])
        self._parts.store.remove(name, document.id)

    def _drop(self, collection: Collection) -> None:
        if self._parts.folder.owned:  # else its owner sweeps it
            self._parts.lexical.drop(collection.store_name)
        self._parts.store.drop(collection.store_name)
