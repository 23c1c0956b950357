"""The catalog: the truth about which documents exist and in which state, their text and their chunk spans.

SQLite through SQLAlchemy Core. Everything in Chroma can be rebuilt from here. Safe to use from threads and, for
queueing, from other processes. A schema change adds a migration to `rag.catalog.migrations` and never edits one.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql

from rag.catalog.database import Database
from rag.catalog.tables import (
    OF_A_DOCUMENT,
    chunk_row,
    chunks,
    collections,
    document_row,
    documents,
    page_row,
    pages,
    texts,
    to_chunk,
    to_collection,
    to_document,
    to_page,
)
from rag.errors import NotFoundError
from rag.records import VISIBLE, Chunk, Collection, Document, Page, ParsedDocument, State


class Catalog(Database):
    """One catalog file. Build once and share."""

    # -- collections -------------------------------------------------------------------------------

    def collections(self) -> list[Collection]:
        """All collections by name, with counts over their finished documents."""
        ready = documents.c.state.in_([state.value for state in VISIBLE])
        query = (
            sql.select(
                collections,
                sql.func.count(documents.c.id).label("documents"),
                sql.func.coalesce(sql.func.sum(documents.c.chunks), 0).label("chunks"),
                sql.func.coalesce(sql.func.sum(documents.c.bytes), 0).label("bytes"),
            )
            .outerjoin(documents, sql.and_(documents.c.collection_id == collections.c.id, ready))
            .group_by(collections.c.id)
            .order_by(collections.c.name)
        )
        with self.read() as connection:
            return [to_collection(row) for row in connection.execute(query).mappings()]

    def collection(self, name: str) -> Collection:
        """Raises NotFoundError naming the ones there are."""
        known = self.collections()
        for one in known:
            if one.name == name:
                return one
        there = ", ".join(one.name for one in known) or "none yet"
        raise NotFoundError(f"There is no collection named {name!r}. Collections: {there}.")

    def create_collection(self, name: str, store_name: str, fingerprint: Mapping[str, str]) -> Collection:
        """Create it if it is not there; racing creators get the same one."""
        row = {
            "id": uuid.uuid4().hex,
            "name": name,
            "store_name": store_name,
            "fingerprint": json.dumps(dict(fingerprint), sort_keys=True),
            "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        }
        with self.write() as connection:
            connection.execute(collections.insert().prefix_with("OR IGNORE").values(row))
        return self.collection(name)

    def requeue(self, collection: Collection, store_name: str, fingerprint: Mapping[str, str]) -> None:
        """Queue a collection's documents to be indexed anew, as `store_name` and in the way of `fingerprint`."""
        made = {"fingerprint": json.dumps(dict(fingerprint), sort_keys=True), "store_name": store_name}
        again = {"state": State.QUEUED.value, "replaces": False, "stage": "", "reason": "", "done": 0, "total": 0}
        with self.write() as connection:
            owner = connection.execute(_collection_id(collection.name)).scalar_one()
            connection.execute(collections.update().where(collections.c.id == owner).values(made))
            mine = sql.and_(documents.c.collection_id == owner, documents.c.state != State.DELETING.value)
            connection.execute(documents.update().where(mine).values(again))

    def delete_collection(self, name: str) -> list[str]:
        """Forget a collection with all its documents; returns the ids whose bytes no other collection holds."""
        with self.write() as connection:
            owner = connection.execute(_collection_id(name)).scalar_one_or_none()
            ids = (
                connection.execute(sql.select(documents.c.id).where(documents.c.collection_id == owner)).scalars().all()
            )
            for table in (*OF_A_DOCUMENT, documents):
                connection.execute(table.delete().where(table.c.collection_id == owner))
            connection.execute(collections.delete().where(collections.c.id == owner))
            held = connection.execute(sql.select(documents.c.id).where(documents.c.id.in_(ids))).scalars().all()
        return sorted(set(ids) - set(held))

    def claimed(self) -> set[str]:
        """Ids of all documents whose bytes must be kept."""
        with self.read() as connection:
            return set(connection.execute(sql.select(documents.c.id)).scalars())

    # -- documents ---------------------------------------------------------------------------------

    def enqueue(self, document: Document, replaces: bool = False) -> bool:
        """Add a document as queued, or queue a failed one again; False if it is there already.

        Raises NotFoundError if its collection has just been deleted.
        """
        values = document_row(document) | {"state": State.QUEUED.value, "replaces": replaces, "reason": ""}
        with self.write() as connection:
            owner = connection.execute(_collection_id(document.collection)).scalar_one_or_none()
            if owner is None:
                raise NotFoundError(f"The collection {document.collection!r} has just been deleted. Try again.")
            key = _key(connection, document.collection, document.id)
            found = connection.execute(sql.select(documents.c.state).where(key)).scalar_one_or_none()
            if found is None:
                connection.execute(documents.insert().values(values | {"collection_id": owner}))
            elif found == State.FAILED:
                connection.execute(documents.update().where(key).values(values))
            return found in (None, State.FAILED)

    def supersede(self, document: Document) -> list[Document]:
        """Hide the older documents of the same name, and make this one the newest; returns the hidden ones."""
        with self.write() as connection:
            namesakes = _namesakes(connection, document)
            newest = {"added_at": datetime.now(UTC).isoformat(timespec="microseconds")}
            mine = _key(connection, document.collection, document.id)
            connection.execute(documents.update().where(mine).values(newest))
            _hide(connection, namesakes)
        return namesakes

    def documents(self, collection: str | None = None, states: Iterable[State] = tuple(State)) -> list[Document]:
        """Documents by name, of one collection or all."""
        query = (
            _with_collection()
            .where(documents.c.state.in_([state.value for state in states]))
            .order_by(collections.c.name, documents.c.name, documents.c.added_at)
        )
        if collection is not None:
            query = query.where(collections.c.name == collection)
        with self.read() as connection:
            return [to_document(row) for row in connection.execute(query).mappings()]

    def document(self, collection: str, document_id: str) -> Document:
        """Raises NotFoundError."""
        for one in self.find(document_id, collection):
            if one.id == document_id:
                return one
        raise NotFoundError(f"There is no document {document_id} in {collection!r}. `documents` lists them.")

    def find(self, prefix: str, collection: str | None = None) -> list[Document]:
        """Documents whose id begins with `prefix`."""
        query = _with_collection().where(documents.c.id.startswith(prefix, autoescape=True))
        if collection is not None:
            query = query.where(collections.c.name == collection)
        with self.read() as connection:
            return [to_document(row) for row in connection.execute(query).mappings()]

    def visible(self, collection: str) -> dict[str, str]:
        """Ids and names of the documents whose chunks may be shown."""
        query = (
            sql.select(documents.c.id, documents.c.name)
            .join(collections, collections.c.id == documents.c.collection_id)
            .where(collections.c.name == collection)
            .where(documents.c.state.in_([state.value for state in VISIBLE]))
        )
        with self.read() as connection:
            return {row.id: row.name for row in connection.execute(query)}

    def next_unfinished(self) -> tuple[Document, bool] | None:
        """The oldest document that is queued or was interrupted, and whether it replaces its namesakes."""
        query = (
            _with_collection()
            .where(documents.c.state.in_([State.QUEUED.value, State.INDEXING.value]))
            .order_by(documents.c.added_at, sql.literal_column("documents.rowid"))
            .limit(1)
        )
        with self.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else (to_document(row), bool(row["replaces"]))

    def progress(self, document: Document, stage: str, done: int = 0, total: int = 0) -> bool:
        """Note how far the document is; False if it has been deleted meanwhile."""
        values = {"state": State.INDEXING.value, "stage": stage, "done": done, "total": total}
        return self._update(document, values, (State.QUEUED, State.INDEXING))

    def fail(self, document: Document, reason: str, seconds: float) -> bool:
        values = {"state": State.FAILED.value, "reason": reason, "seconds": seconds, "stage": ""}
        return self._update(document, values, (State.QUEUED, State.INDEXING))

    def mark_deleting(self, document: Document) -> bool:
        return self._update(document, {"state": State.DELETING.value}, tuple(State))

    def _update(self, document: Document, values: Mapping[str, Any], states: Sequence[State]) -> bool:
        with self.write() as connection:
            key = _incarnation(connection, document)
            among = documents.c.state.in_([state.value for state in states])
            return connection.execute(documents.update().where(key, among).values(values)).rowcount == 1

    def save_text(self, document: Document, parsed: ParsedDocument, cut: Sequence[Chunk]) -> None:
        """Keep the extracted text, its pages and its chunk spans (instead of any that were there)."""
        with self.write() as connection:
            owner = connection.execute(_collection_id(document.collection)).scalar_one()
            mine = {"collection_id": owner, "document_id": document.id}
            _forget(connection, owner, document.id)
            connection.execute(texts.insert().values(mine | {"text": parsed.text}))
            connection.execute(pages.insert(), [mine | page_row(page) for page in parsed.pages])
            if cut:
                rows = [mine | chunk_row(position, chunk) for position, chunk in enumerate(cut)]
                connection.execute(chunks.insert(), rows)
            connection.execute(
                documents.update()
                .where(_key(connection, document.collection, document.id))
                .values(
                    title=parsed.title,
                    media_type=parsed.media_type,
                    pages=len(parsed.pages),
                    chunks=len(cut),
                    date=parsed.date or document.date,
                    parser=parsed.parser,
                )
            )

    def finish(self, document: Document, seconds: float, replaces: bool) -> list[Document] | None:
        """Make the document ready and, in the same transaction, hide the older namesakes that it replaces.

        Returns the namesakes, now to be deleted; None if the document was deleted meanwhile.
        """
        with self.write() as connection:
            key = _incarnation(connection, document)
            values = {"state": State.READY.value, "seconds": seconds, "stage": "", "reason": ""}
            alive = documents.c.state == State.INDEXING.value
            if connection.execute(documents.update().where(key, alive).values(values)).rowcount == 0:
                return None
            before = documents.c.added_at < document.added_at.isoformat(timespec="microseconds")
            namesakes = _namesakes(connection, document, before) if replaces else []
            _hide(connection, namesakes)
        return namesakes

    def delete(self, document: Document) -> bool:
        """Forget the document; True if no other collection holds the same bytes."""
        with self.write() as connection:
            owner = connection.execute(_collection_id(document.collection)).scalar_one_or_none()
            _forget(connection, owner, document.id)
            connection.execute(documents.delete().where(_key(connection, document.collection, document.id)))
            others = sql.select(sql.func.count()).where(documents.c.id == document.id)
            return connection.execute(others).scalar_one() == 0

    # -- text and chunks ---------------------------------------------------------------------------

    def text(self, document: Document) -> str:
        """The extracted text; empty if none was extracted yet."""
        query = sql.select(texts.c.text).where(*_belongs(texts, document))
        with self.read() as connection:
            return connection.execute(query).scalar_one_or_none() or ""

    def pages(self, document: Document) -> list[Page]:
        """The document's pages with their text and maps."""
        text = self.text(document)
        query = sql.select(pages).where(*_belongs(pages, document)).order_by(pages.c.number)
        with self.read() as connection:
            return [to_page(row, text) for row in connection.execute(query)]

    def chunks(self, document: Document) -> list[Chunk]:
        """The document's chunks in reading order."""
        text = self.text(document)
        query = sql.select(chunks).where(*_belongs(chunks, document)).order_by(chunks.c.position)
        with self.read() as connection:
            return [to_chunk(row, text) for row in connection.execute(query)]


def _with_collection() -> sql.Select[Any]:
    return sql.select(documents, collections.c.name.label("collection")).join(
        collections, collections.c.id == documents.c.collection_id
    )


def _collection_id(name: str) -> sql.Select[Any]:
    return sql.select(collections.c.id).where(collections.c.name == name)


def _key(connection: sql.Connection, collection: str, document_id: str) -> sql.ColumnElement[bool]:
    owner = connection.execute(_collection_id(collection)).scalar_one_or_none()
    return sql.and_(documents.c.collection_id == owner, documents.c.id == document_id)


def _incarnation(connection: sql.Connection, document: Document) -> sql.ColumnElement[bool]:
    # The same bytes may be deleted and added again while a worker still holds the first.
    added_at = document.added_at.isoformat(timespec="microseconds")
    return sql.and_(_key(connection, document.collection, document.id), documents.c.added_at == added_at)


def _namesakes(connection: sql.Connection, document: Document, *conditions: sql.ColumnElement[bool]) -> list[Document]:
    query = _with_collection().where(
        collections.c.name == document.collection,
        documents.c.name == document.name,
        documents.c.id != document.id,
        documents.c.state != State.DELETING.value,
        *conditions,
    )
    return [to_document(row) for row in connection.execute(query).mappings()]


def _hide(connection: sql.Connection, hidden: Sequence[Document]) -> None:
    for one in hidden:
        key = _key(connection, one.collection, one.id)
        connection.execute(documents.update().where(key).values(state=State.DELETING.value))


def _belongs(table: sql.Table, document: Document) -> tuple[sql.ColumnElement[bool], ...]:
    owner = _collection_id(document.collection).scalar_subquery()
    return (table.c.collection_id == owner, table.c.document_id == document.id)


def _forget(connection: sql.Connection, owner: str | None, document_id: str) -> None:
    for table in OF_A_DOCUMENT:
        connection.execute(table.delete().where(table.c.collection_id == owner, table.c.document_id == document_id))
