"""Files become queued documents: their bytes are kept, and the catalog knows them."""

from __future__ import annotations

from datetime import UTC, datetime

from rag.errors import EncryptedError, InputError, NotFoundError
from rag.ingestion.parts import Parts
from rag.ingestion.preflight import Checks
from rag.ingestion.removal import Removal
from rag.ingestion.uploads import Upload, checked_kind, shown_name
from rag.records import VISIBLE, Document, State
from rag.store import store_name


class Intake:
    """Accepts files. May be used from any thread and, while another process owns the folder, from any process."""

    def __init__(self, parts: Parts, removal: Removal, checks: Checks) -> None:
        self._parts = parts
        self._removal = removal
        self._checks = checks

    def accept(
        self, upload: Upload, collection: str, replaces: bool = False, tags: tuple[str, ...] = (), password: str = ""
    ) -> tuple[Document, bool]:
        """Keep a file's bytes and queue it. Returns the document and whether it was ready already.

        What is there but was read by other versions of the readers is read anew, and so is what was being deleted.
        Raises DocumentError for what can never be read, NotFoundError for a path that is no file.
        """
        kind = checked_kind(upload, self._parts.settings)
        self._ensure_collection(collection)
        document_id, size = self._parts.folder.keep(upload.path)
        now = datetime.now(UTC)
        document = Document(
            id=document_id,
            name=shown_name(upload.name),
            collection=collection,
            state=State.QUEUED,
            added_at=now,
            media_type=kind,
            bytes=size,
            date=int(now.strftime("%Y%m%d")),
            tags=tags,
            replaces=replaces,
            engines=self._parts.engines(kind),
        )
        if password:
            self.unlock(document, password)
        queued = self._parts.catalog.enqueue(document, self._again(document))
        self._parts.folder.claim(document_id)
        return (document, False) if queued else self._known(document)

    def unlock(self, document: Document, password: str) -> None:
        """Open a document's kept bytes with a password, if they need one, for as long as they are kept.

        Raises EncryptedError if it is wrong, whoever has opened the same bytes before, and DocumentError.
        """
        if not self._parts.folder.unlocked(document.id).exists():
            try:
                self._checks.read(document)
                return
            except EncryptedError:
                pass
        self._checks.unlock(document.id, document.name, password)

    def _again(self, document: Document) -> frozenset[State]:
        """The states in which these bytes are queued although they are there."""
        try:
            known = self._parts.catalog.document(document.collection, document.id)
        except NotFoundError:
            return frozenset()
        outdated = VISIBLE if known.engines != document.engines else frozenset()
        return frozenset({State.FAILED, State.DELETING}) | outdated

    def _known(self, document: Document) -> tuple[Document, bool]:
        known = self._parts.catalog.document(document.collection, document.id)
        same_name = known.name == document.name  # under another name it is a duplicate, which changes nothing
        if document.replaces and same_name and known.state is State.READY:
            for one in self._parts.catalog.supersede(known):
                self._removal.clear(one)
        return known, known.state is State.READY

    def _ensure_collection(self, name: str) -> None:
        """Create the collection on first use; raises FingerprintError if it was made in another way."""
        made = self._parts.known(name)
        if made is None:
            wanted = self._parts.recipes.fingerprint_of(None)
            made = self._parts.catalog.create_collection(name, store_name(name), wanted)
        if made.shadow_of:
            raise InputError("That is a collection in the making. Add documents to the one that it is made from.")
        self._parts.recipes.check(made)
