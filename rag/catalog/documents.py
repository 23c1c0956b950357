"""Documents in the catalog: which there are, which may be shown, and how one goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sql

from rag.catalog.database import Database
from rag.catalog.keys import belongs, collection_id, incarnation, key, listed, shown, slices, waits, with_collection
from rag.catalog.tables import OF_A_DOCUMENT, collections, documents, overlays, to_document
from rag.catalog.trash import in_trash
from rag.catalog.versions import claims, forget_versions, unclaimed
from rag.errors import NotFoundError
from rag.records import Document, State, Visible

CLEARING = "clearing"
"""The stage of a document that has failed, while the indexes may still have something of it."""


class Documents(Database):
    """Documents, by what they are."""

    def documents(
        self, collection: str | None = None, states: Iterable[State] = tuple(State), hidden: bool = False
    ) -> list[Document]:
        """Documents by name, of one collection or all; with `hidden`, also those of collections in the making."""
        query = (
            with_collection()
            .where(documents.c.state.in_([state.value for state in states]))
            .order_by(collections.c.name, documents.c.name, documents.c.added_at)
        )
        if collection is not None:
            query = query.where(collections.c.name == collection)
        elif not hidden:
            query = query.where(listed())
        return self._all(query)

    def document(self, collection: str, document_id: str) -> Document:
        """Raises NotFoundError."""
        for one in self.among([(collection, document_id)]):
            return one
        raise NotFoundError(f"There is no document {document_id} in {collection!r}. `documents` lists them.")

    def among(self, keys: Sequence[tuple[str, str]]) -> list[Document]:
        """Those of these documents, given as (collection, id), that are there, in no order."""
        wanted, ids = set(keys), [document_id for _, document_id in keys]
        query = with_collection().where(collections.c.name.in_({name for name, _ in keys}))
        found = [one for some in slices(ids) for one in self._all(query.where(documents.c.id.in_(some)))]
        return [one for one in found if (one.collection, one.id) in wanted]

    def find(self, prefix: str, collection: str | None = None) -> list[Document]:
        """Documents whose id begins with `prefix`."""
        query = with_collection().where(documents.c.id.startswith(prefix, autoescape=True))
        return self._all(query.where(listed() if collection is None else collections.c.name == collection))

    def namesakes(self, collection: str, name: str) -> list[Document]:
        """The documents of that very name, oldest first."""
        query = with_collection().where(
            collections.c.name == collection,
            documents.c.name == name,
            documents.c.state != State.DELETING.value,
        )
        return self._all(query.order_by(documents.c.added_at))

    def shown(self, collection: str) -> Mapping[str, Document]:
        """By id, the documents in a state in which they may be shown."""

        def find() -> dict[str, Document]:
            return {one.id: one for one in self.documents(collection) if one.visible}

        return self.while_unchanged(("shown", collection), find)

    def visible(self, collection: str) -> Visible:
        """The documents whose chunks may be shown. One that is to replace another one waits until it is ready."""
        return self.while_unchanged(("visible", collection), lambda: self._visible(collection))

    def _visible(self, collection: str) -> Visible:
        query = sql.select(documents.c.id, documents.c.name, documents.c.state).where(
            documents.c.collection_id == collection_id(collection).scalar_subquery(),
            shown(),
            sql.not_(waits()),
        )
        with self.read() as connection:
            rows = connection.execute(query).all()
        return Visible(
            ready={row.id: row.name for row in rows if row.state != State.SEARCHABLE.value},
            searchable={row.id: row.name for row in rows if row.state == State.SEARCHABLE.value},
        )

    def held_back(self) -> set[tuple[str, str]]:
        """Collection and id of those that are searchable and not visible: they wait to replace one that is."""
        query = sql.select(collections.c.name, documents.c.id).join(
            collections, collections.c.id == documents.c.collection_id
        )
        with self.read() as connection:
            return {(row.name, row.id) for row in connection.execute(query.where(waits()))}

    def claimed(self) -> set[str]:
        """Ids of all documents whose bytes must be kept, and of the versions before them."""
        with self.read() as connection:
            return set(connection.execute(claims()).scalars())

    def is_claimed(self, document_id: str) -> bool:
        """Whether a document has these bytes, or had them in a version that is kept, in any collection."""
        with self.read() as connection:
            found = sql.select(sql.exists().where(claims().subquery().c.id == document_id))
            return bool(connection.execute(found).scalar_one())

    def mark_deleting(self, document: Document) -> None:
        """Hide the document, whatever has become of it meanwhile, until it is deleted."""
        with self.write() as connection:
            hide(connection, [document])

    def uncleared(self) -> list[Document]:
        """Documents of which the indexes may have something that must go: they are deleted and cannot come back any
        more, or have failed."""
        failed = sql.and_(documents.c.state == State.FAILED.value, documents.c.stage == CLEARING)
        deleted = sql.and_(documents.c.state == State.DELETING.value, sql.not_(in_trash()))
        return self._all(with_collection().where(sql.or_(deleted, failed)))

    def note_cleared(self, failed: Document) -> None:
        """The indexes have nothing of a failed document any more."""
        with self.write() as connection:
            alive = (incarnation(failed), documents.c.state == State.FAILED.value)
            connection.execute(documents.update().where(*alive).values(stage=""))

    def delete(self, document: Document) -> list[str]:
        """Forget a document that is marked as deleting, unless it has been queued anew since, and its versions with it
        if it was the last of its name. Returns the ids whose bytes nobody holds any more."""
        with self.write() as connection:
            marked = (incarnation(document), documents.c.state == State.DELETING.value)
            if connection.execute(documents.delete().where(*marked)).rowcount == 0:
                return []
            forget(connection, document)
            connection.execute(overlays.delete().where(*belongs(overlays, document)))
            return unclaimed(connection, {document.id} | forget_versions(connection, document))

    def _all(self, query: sql.Select[tuple[object, ...]]) -> list[Document]:
        with self.read() as connection:
            return [to_document(row) for row in connection.execute(query).mappings()]


def forget(connection: sql.Connection, document: Document) -> None:
    """Remove a document's text, pages and chunks; what was changed of them by hand waits for the same cuts."""
    owner = collection_id(document.collection).scalar_subquery()
    for table in OF_A_DOCUMENT:
        connection.execute(table.delete().where(table.c.collection_id == owner, table.c.document_id == document.id))


def hide(connection: sql.Connection, hidden: Sequence[Document]) -> None:
    """Mark documents as deleting, for good, within the caller's transaction."""
    for one in hidden:
        values = {"state": State.DELETING.value, "was": "", "deleted_at": ""}
        connection.execute(documents.update().where(key(one)).values(values))


def namesakes_of(
    connection: sql.Connection, document: Document, *conditions: sql.ColumnElement[bool]
) -> list[Document]:
    """The other documents of a document's name, within the caller's transaction."""
    query = with_collection().where(
        collections.c.name == document.collection,
        documents.c.name == document.name,
        documents.c.id != document.id,
        documents.c.state != State.DELETING.value,
        *conditions,
    )
    return [to_document(row) for row in connection.execute(query).mappings()]
