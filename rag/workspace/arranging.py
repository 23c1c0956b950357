"""Arranging a collection: its documents found by the page, edited, deleted with a way back, moved, copied, replaced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path, PurePath

from rag.changes import changes
from rag.chunking import sentence_spans
from rag.errors import InputError, NotFoundError
from rag.ingestion import Upload
from rag.parsing import media_type, type_name
from rag.recipes import cuts_alike, vectors_alike
from rag.records import (
    Census,
    Changes,
    Collection,
    Document,
    Listed,
    Listing,
    State,
    Transferred,
    Trashed,
    Version,
)
from rag.workspace.documents_in import DocumentsIn, checked_tags

LONGEST_NAME = 255
LONGEST_TITLE = 300
"""Characters."""


class Arranging(DocumentsIn):
    """What people do with documents that are there."""

    # -- the list --------------------------------------------------------------------------------------

    def listed(self, listing: Listing, first: int, most: int) -> Listed:
        """`most` documents of a list from its 0-based `first` on, and how many it has."""
        return self.catalog.listed(listing, first, most)

    def listed_ids(self, listing: Listing) -> list[str]:
        """The ids of all documents of a list."""
        return self.catalog.listed_ids(listing)

    def census(self, collection: str) -> Census:
        """How many documents a collection has of each standing and with each tag."""
        return self.catalog.census(collection)

    # -- editing ---------------------------------------------------------------------------------------

    def edit(
        self, document: Document, name: str, title: str = "", when: date | None = None, tags: Sequence[str] = ()
    ) -> Document:
        """Change what a document is called, its date and its tags, all or nothing; returns it as it is then. Filters by
        tag and date go by it at once; the indexes follow. Under another title its passages are embedded anew.

        Raises InputError for what cannot be, ReadOnlyError, NotFoundError if it has gone.
        """
        self._changeable(document.collection)
        called = _checked_name(name, document), _checked_title(title)
        number = int(f"{when:%Y%m%d}") if when else 0
        edited = self.catalog.edit(document, *called, number, checked_tags(tags))
        self.worker.start()
        return edited

    def retag(self, collection: str, ids: Sequence[str], add: Sequence[str] = (), remove: Sequence[str] = ()) -> int:
        """Give tags to documents of a collection and take others away; returns how many have changed."""
        self._changeable(collection)
        changed = self.catalog.retag(collection, ids, checked_tags(add), checked_tags(remove))
        self.worker.start()
        return changed

    # -- deleting with a way back ----------------------------------------------------------------------

    def trash(self, collection: str, ids: Sequence[str]) -> int:
        """Delete documents: nobody finds them from now on, and for two minutes they can be brought back; then the
        folder's owner removes them from the disk. Returns how many there were."""
        self._changeable(collection)
        return self.catalog.trash(collection, ids)

    def trashed(self, collection: str) -> list[Trashed]:
        """The deletions in a collection that can be undone, the last first."""
        return self.catalog.trashed(collection)

    def undo_trash(self, collection: str, at: datetime) -> int:
        """Bring back what was deleted at a moment, as it was; returns how many documents. Raises NotFoundError if it is
        too late."""
        self._require_writable()
        restored = self.catalog.restore(collection, at)
        if not restored:
            raise NotFoundError("It is too late to undo this: the documents have been removed. Upload them again.")
        self.worker.start()
        return restored

    # -- other collections -----------------------------------------------------------------------------

    def transfer(self, collection: str, ids: Sequence[str], target: str, move: bool = False) -> Transferred:
        """Copy documents to another collection, which is made if it is not there. If that one is made in the same way
        their texts and vectors are taken over, else they are indexed anew from the kept files. With `move` each leaves
        the old collection in the moment it is ready in the new one.

        Raises InputError, ReadOnlyError, NotFoundError, FingerprintError.
        """
        source = self._changeable(collection) if move else self.collection(collection)
        self._require_writable()
        name = self._name(target)
        if name == source.name:
            raise InputError("They are in this collection already. Choose another one.")
        if name in {one.name for one in self.collections()}:
            self._changeable(name)
        with self._gate.shared():
            self.ingestion.intake.prepare(name)
        alike = all(one(self.collection(name), source) for one in (cuts_alike, vectors_alike))
        queued, there = self.catalog.transfer(source.name, ids, name, move)
        self.worker.start()
        return Transferred(queued, queued if alike else 0, tuple(there))

    # -- reading anew, replacing, versions -------------------------------------------------------------

    def reread(self, collection: str, ids: Sequence[str]) -> int:
        """Read documents anew from their kept files; what is ready is searched as it is until then. Returns how many
        were queued."""
        self._changeable(collection)
        found = self.catalog.among([(collection, one) for one in ids])
        queued = self.catalog.retry([one for one in found if one.state is not State.DELETING], anew=True)
        self.worker.start()
        return queued

    def replace(self, document: Document, file: Path, name: str) -> Document:
        """Put another file, called `name`, in the place of a document, whose name and tags it gets; the old one is
        searched until the new one is ready, and is kept as a version. Returns the new document.

        Raises InputError if it is a file of another kind, or is there already; DocumentError if it cannot be read.
        """
        self._changeable(document.collection)
        if media_type(name) != media_type(document.name):
            raise InputError(
                f"{document.name} is a {type_name(document.media_type)} file, and {name} is not. Upload it as a "
                "document of its own, then delete this one."
            )
        return self._in_place(document.collection, Upload(file, document.name), document.tags)

    def bring_back(self, version: Version) -> Document:
        """Put a version in the place of the document that replaced it, from its kept file. Returns the document."""
        self._changeable(version.collection)
        self.catalog.version(version.collection, version.document)
        tags = [one.tags for one in self.catalog.namesakes(version.collection, version.name)]
        file = Upload(self.folder.original(version.document), version.name)
        return self._in_place(version.collection, file, tags[-1] if tags else ())

    def _in_place(self, collection: str, upload: Upload, tags: tuple[str, ...]) -> Document:
        with self._gate.shared():
            document, ready = self.ingestion.intake.accept(upload, collection, replaces=True, tags=tags)
        if ready or document.name != upload.name:
            raise InputError(f"This very file is in the collection already, as {document.name}. Nothing was replaced.")
        self.worker.start()
        return document

    def versions(self, document: Document) -> list[Version]:
        """What was in the place of a document before, the last first."""
        return [one for one in self.catalog.versions(document.collection, document.name) if one.document != document.id]

    def successor(self, collection: str, document: str) -> str:
        """The id of the document that has taken the place of one that was replaced, be it after others; empty if none
        has, or that has gone as well."""
        seen = set[str]()
        while document not in seen:
            seen.add(document)
            try:
                document = self.catalog.version(collection, document).replaced_by
            except NotFoundError:
                break
        found = self.catalog.among([(collection, document)]) if len(seen) > 1 else []
        return document if any(one.visible for one in found) else ""

    def original_of(self, version: Version) -> bytes:
        """The file of a version as it came in. Raises NotFoundError if it is not kept any more."""
        try:
            return self.folder.original(version.document).read_bytes()
        except FileNotFoundError as error:
            raise NotFoundError(f"This version of {version.name} is not kept any more.") from error

    def changed(self, version: Version, now: Document | Version) -> Changes:
        """What is otherwise in a document, or in a later version of it, than in a version."""
        text = self.catalog.version_text(now) if isinstance(now, Version) else self.catalog.text(now)
        return changes(self.catalog.version_text(version), text, sentence_spans)

    def _changeable(self, collection: str) -> Collection:
        """A collection whose documents can be changed. Raises ReadOnlyError, NotFoundError."""
        self._require_writable()
        self._require_own(collection)
        return self.collection(collection)


def _checked_name(name: str, document: Document) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(f"A document's name has between 1 and {LONGEST_NAME} characters, all of them visible.")
    if PurePath(name).name != name or "\\" in name:
        raise InputError("A document's name cannot have a slash in it.")
    if media_type(name) != media_type(document.name):
        ending = PurePath(document.name).suffix
        raise InputError(f"Let the name end in {ending}: that says how the file is read.")
    return name


def _checked_title(title: str) -> str:
    title = " ".join(title.split())
    if len(title) > LONGEST_TITLE or not title.isprintable():
        raise InputError(f"A title has {LONGEST_TITLE} characters at most, all of them visible.")
    return title
