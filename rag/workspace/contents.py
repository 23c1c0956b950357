"""What is in a workspace: its collections, documents, their text and chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag.errors import NotFoundError
from rag.records import Chunk, Collection, Document, Facets, Page, Search, State, Totals
from rag.workspace.opened import Opened

SHORTEST_ID = 8
"""Characters of a document's id that name it. Fewer could be a slip, and name another one."""


class Contents(Opened):
    """Looking, which changes nothing."""

    def collections(self) -> list[Collection]:
        """All collections with their counts."""
        return self.catalog.collections()

    def collection(self, name: str | None = None) -> Collection:
        """One collection, the default one if unnamed; by a name it had before, too. Raises NotFoundError."""
        try:
            return self.catalog.collection(self._name(name))
        except NotFoundError as error:
            if self.catalog.collections():
                raise
            nothing = "Nothing is indexed yet. Upload documents first (`python -m rag ingest PATH`)."
            raise NotFoundError(nothing) from error

    def current_name(self, collection: str) -> str:
        """What a collection is called now that was called so before; the name itself if it is one, or never was."""
        return self.catalog.current_name(collection)

    def documents(self, collection: str | None = None) -> list[Document]:
        """Documents of one collection, or of all if unnamed, in every state but deleting. Raises NotFoundError."""
        if collection is not None:
            collection = self.catalog.collection(collection).name
        return self.catalog.documents(collection, [state for state in State if state is not State.DELETING])

    def documents_of(self, collection: str, ids: Sequence[str]) -> list[Document]:
        """Those of some documents that are there, in no order."""
        return self.catalog.among([(collection, one) for one in ids])

    def facets(self, collection: str) -> Facets:
        """What the documents of a collection that can be searched may be told apart by."""
        return self.catalog.facets(self.current_name(collection))

    def tags(self) -> frozenset[str]:
        """The tags that documents of any collection have."""
        return self.catalog.tags()

    def matching(self, search: Search, most: int, named: str = "") -> tuple[int, list[Document]]:
        """How many documents a search looks into, and `most` of them by name; with `named`, only those that have it in
        their names."""
        return self.catalog.matching(replace(search, collection=self.current_name(search.collection)), most, named)

    def totals(self) -> Totals:
        """How much there is in all collections."""
        return self.catalog.totals()

    def latest(self, most: int) -> list[Document]:
        """The documents that were added last, newest first."""
        return self.catalog.latest(most)

    def document(self, prefix: str, collection: str | None = None) -> Document:
        """The one document whose id begins so, with 8 characters at least, or that has this name. Raises NotFoundError
        if it is not one."""
        found = self._found(prefix, collection)
        if len(found) > 1:
            where = ", ".join(f"{one.id} in {one.collection!r}" for one in found[:5])
            raise NotFoundError(f"{prefix!r} is {len(found)} documents ({where}). Give the id, or --collection.")
        return found[0]

    def text(self, prefix: str, collection: str | None = None) -> str:
        """A document's extracted text, to which all offsets refer. The same bytes have the same text everywhere."""
        found = self._found(prefix, collection)
        return self.catalog.text(found[0] if len({one.id for one in found}) == 1 else self.document(prefix, collection))

    def _found(self, prefix: str, collection: str | None) -> list[Document]:
        collection = None if collection is None else self.current_name(collection)
        by_id = self.catalog.find(prefix, collection) if len(prefix) >= SHORTEST_ID else []
        found = [one for one in by_id if one.state is not State.DELETING]
        found = found or [one for one in self.documents(collection) if one.name == prefix]
        if not found and len(prefix) < SHORTEST_ID:
            raise NotFoundError(
                f"{prefix!r} is no document's name, and too short for an id: give {SHORTEST_ID} characters or more."
            )
        if not found:
            listed = "`python -m rag documents` lists them."
            raise NotFoundError(f"There is no document with the id or the name {prefix!r}. {listed}")
        return found

    def pages(self, document: Document) -> list[Page]:
        """A document's pages."""
        return self.catalog.pages(document)

    def chunks(self, document: Document) -> list[Chunk]:
        """A document's chunks in reading order."""
        return self.catalog.chunks(document)

    def original(self, document: Document) -> bytes:
        """The file as it came in. Raises NotFoundError if it has been deleted."""
        try:
            return self.folder.original(document.id).read_bytes()
        except FileNotFoundError as error:
            raise NotFoundError(f"{document.name} has been deleted. Upload it again.") from error

    def size(self) -> int:
        """Bytes the data folder takes, as the catalog was changed last: all files are looked at for it."""
        return self.catalog.while_unchanged("size", self.folder.size)
