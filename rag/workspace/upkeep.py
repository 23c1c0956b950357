"""What changes a workspace as a whole: deleting, erasing, rebuilding, checking."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rag.checking import REOPENED, Checker, Encode
from rag.errors import NotFoundError, StorageError, StoreDamagedError
from rag.recipes import is_known
from rag.records import Collection, Document, Failure, Finding, IngestEvent, State
from rag.store import store_name
from rag.workspace.documents_in import DocumentsIn


class Upkeep(DocumentsIn):
    """Deletion and repair."""

    def delete(self, prefix: str, collection: str | None = None) -> Document:
        """Delete a document from a collection, everywhere; where another process owns the folder, nobody finds it from
        now on, and the owner removes it within a minute. Raises NotFoundError."""
        self._require_writable()
        document = self.document(prefix, collection)
        self._require_own(document.collection)
        self._owns()
        with self._gate.shared():
            self.ingestion.removal.delete(document)
        return document

    def delete_failed(self, collection: str | None = None) -> list[Document]:
        """Delete the documents that could not be indexed, of one collection or of all, but not those that were
        cancelled. Returns the deleted ones. Raises NotFoundError."""
        self._require_writable()
        if collection is not None:
            self._require_made(self.collection(collection))
        self._owns()
        failed = [
            one
            for one in self.documents(collection)
            if one.state is State.FAILED and one.failure is not Failure.CANCELLED
        ]
        with self._gate.shared():
            for one in failed:
                self.ingestion.removal.delete(one)
        return failed

    def delete_collection(self, name: str) -> None:
        """Delete a collection and all its documents. It has to be named as it is now, not as it was before. Raises
        NotFoundError."""
        found = self._to_delete(name)
        self._owns()
        with self._gate.shared():
            self.ingestion.removal.delete_collection(found)

    def _to_delete(self, name: str) -> Collection:
        """A collection that may be deleted by this name. Raises NotFoundError, ReadOnlyError."""
        self._require_writable()
        found = self.catalog.collection(name)
        self._require_made(found)
        if found.name != name:
            raise NotFoundError(f"{name!r} is called {found.name!r} now. Delete it by that name.")
        return found

    @property
    def _told_elsewhere(self) -> bool:
        """Whether somebody else keeps what was told of studies and champions, and is to forget it as well."""
        return False

    def erase(self) -> None:
        """Delete everything that is stored, so that it cannot be read from the disk's files either."""
        self._require_writable()
        self._require_ownership()
        with self._alone():
            for collection in self.catalog.collections(hidden=True):
                if self.settings.chroma_is_ours:  # then it goes as a whole, even if it is damaged
                    self.lexical.drop(collection.store_name)
                    self.ingestion.removal.forget_collection(collection)
                else:
                    self.ingestion.removal.delete_collection(collection)
            self.folder.empty()  # what was checked and never added, or refused, too
            self.catalog.shrink()
            self.talks.erase()
            self.experiments.erase(there_too=self._told_elsewhere)
            self._renew_store()

    def rebuild(self, collection: str | None = None) -> Iterator[IngestEvent]:
        """Index a collection (or everything) anew from the kept originals, with the settings as they are now.

        Documents are hidden until they are done. Interrupted, it goes on at the next start.
        """
        self._require_writable()
        self._require_ownership()
        every = self.catalog.collections(hidden=True)
        chosen = [self.collection(collection)] if collection else list(filter(is_known, every))
        self._requeue(chosen, everything=not collection)
        yield from self.follow(self.unfinished())

    def _requeue(self, chosen: Sequence[Collection], everything: bool = False) -> None:
        wanted = {one.name: self._remade(one) for one in chosen}  # settings that cannot work change nothing
        with self._alone():
            for one in chosen:
                self.lexical.drop(one.store_name)
                self.catalog.requeue(one, store_name(one.name), wanted[one.name])
            if everything and self.settings.chroma_is_ours:
                self._renew_store()  # a damaged one cannot even be opened to delete from it
            else:
                for one in chosen:
                    self.store.drop(one.store_name)

    def check(self, repair: bool = False) -> list[Finding]:
        """Whether Chroma, the lexical indexes and the kept files agree with the catalog; with `repair`, mend what does
        not. What has to be embedded again is then queued. Raises FolderInUseError if another process works on it."""
        self._require_ownership()
        with self._alone():
            checker = self._checker(repair)
            try:
                while self.ingestion.relabel_next():  # what was just edited is no mistake
                    continue
                return list(checker.run())
            except StoreDamagedError as error:
                if repair and self.settings.chroma_is_ours:
                    self._renew_store()
                    self.catalog.reopen(self.catalog.documents(states=REOPENED, hidden=True))
                return [Finding("", "Chroma", str(error), repaired=repair and self.settings.chroma_is_ours)]

    def _checker(self, repair: bool, told: Callable[[float], None] = lambda _: None) -> Checker:
        parts = self.settings, self.folder, self.catalog, self.store, self.lexical, self._encoder
        return Checker(*parts, repair, told)

    def _encoder(self, collection: Collection) -> Encode:
        self.recipes.check(collection)
        return self.recipes.embedder_of(collection).encode_passages

    def _remade(self, collection: Collection) -> dict[str, str]:
        """The fingerprint that a collection will have when it is made anew."""
        if not is_known(collection):
            self.recipes.check(collection)  # which says what can be done
        return self.recipes.fingerprint_with(self.recipes.recipe_of(collection))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody searches or indexes meanwhile; afterwards a new worker does."""
        self.worker.stop(seconds=None)
        try:
            with self._gate.alone():
                self._open_worker()
                yield
        finally:
            self.worker.start()

    def _renew_store(self) -> None:
        """Begin with an empty Chroma, where it is ours alone."""
        if not self.settings.chroma_is_ours:
            return
        self.store.close()
        try:
            if self.folder.chroma.exists():
                shutil.rmtree(self.folder.chroma)
        except OSError as error:
            raise StorageError(
                f"The index in {self.folder.chroma} could not be removed ({error.strerror}). Stop Footnote, remove "
                "that folder, and run `python -m rag rebuild`."
            ) from error
        finally:
            self._open_store()
