"""What documents were before they were replaced: the text and the facts of the last versions of each name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql

from rag.catalog.database import Database
from rag.catalog.keys import collection_id, key, with_collection
from rag.catalog.tables import collections, documents, ocr, texts, to_document, versions
from rag.errors import NotFoundError
from rag.records import Document, State, Version

KEPT = 10
"""Versions of a name; what is older goes."""
_FACTS = ("collection_id", "document_id", "name", "added_at", "bytes", "pages", "chunks")


class Versions(Database):
    """Replaced documents. Their bytes are kept as long as they are here."""

    def versions(self, collection: str, name: str) -> list[Version]:
        """Those of a name, the last first."""
        query = _mine(collection).where(versions.c.name == name).order_by(versions.c.replaced_at.desc())
        with self.read() as connection:
            return [_to_version(row) for row in connection.execute(query).mappings()]

    def version(self, collection: str, document_id: str) -> Version:
        """Raises NotFoundError."""
        query = _mine(collection).where(versions.c.document_id == document_id)
        with self.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise NotFoundError("This version is not kept any more. Reload the page to see which are.")
        return _to_version(row)

    def version_text(self, version: Version) -> str:
        """What it said; empty if it has gone."""
        owner = collection_id(version.collection).scalar_subquery()
        mine = (versions.c.collection_id == owner, versions.c.document_id == version.document)
        with self.read() as connection:
            return connection.execute(sql.select(versions.c.text).where(*mine)).scalar_one_or_none() or ""


def keep_versions(connection: sql.Connection, document: Document, replaced: Sequence[Document]) -> None:
    """Within the caller's transaction, keep of documents that are about to go what they were, as versions before
    `document`. What is itself back is a version no more."""
    owner = collection_id(document.collection).scalar_subquery()
    back = (versions.c.collection_id == owner, versions.c.document_id == document.id)
    connection.execute(versions.delete().where(*back))
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    said = sql.and_(texts.c.collection_id == documents.c.collection_id, texts.c.document_id == documents.c.id)
    columns = [documents.c.collection_id, documents.c.id, *(documents.c[one] for one in _FACTS[2:])]
    for one in replaced:
        row = sql.select(*columns, sql.literal(document.id), sql.literal(now), texts.c.text)
        names = [*_FACTS, "replaced_by", "replaced_at", "text"]
        kept = row.select_from(documents.join(texts, said)).where(key(one))
        connection.execute(versions.insert().prefix_with("OR REPLACE").from_select(names, kept))
    if replaced:
        named = (versions.c.collection_id == owner, versions.c.name == document.name)
        last = sql.select(versions.c.document_id).where(*named).order_by(versions.c.replaced_at.desc()).limit(KEPT)
        connection.execute(versions.delete().where(*named, versions.c.document_id.not_in(last.scalar_subquery())))


def rename_versions(connection: sql.Connection, document: Document, name: str) -> None:
    """The versions of a document that is about to get another name go with it, unless another document has its name."""
    if not is_taken(connection, document, document.name):
        theirs = (versions.c.collection_id == _owner(document), versions.c.name == document.name)
        connection.execute(versions.update().where(*theirs).values(name=name))


def _move(connection: sql.Connection, document: Document, to: Document) -> None:
    """The versions of a document that moves go with it, unless another document has its name."""
    if not is_taken(connection, document, document.name):
        theirs = (versions.c.collection_id == _owner(document), versions.c.name == document.name)
        update = versions.update().prefix_with("OR IGNORE").where(*theirs)
        connection.execute(update.values(collection_id=_owner(to), name=to.name))


def leave(connection: sql.Connection, document: Document) -> list[Document]:
    """Of a document that is ready now, within the caller's transaction: the one that it was moved from, to be hidden.
    Its versions come along."""
    arrived = sql.select(documents.c.taken_from).where(key(document), documents.c.moves).scalar_subquery()
    query = with_collection().where(
        collections.c.id == arrived, documents.c.id == document.id, documents.c.state != State.DELETING.value
    )
    left = [to_document(row) for row in connection.execute(query).mappings()]
    for one in left:
        _move(connection, one, document)
    connection.execute(documents.update().where(key(document)).values(taken_from="", moves=False))
    return left


def forget_versions(connection: sql.Connection, document: Document) -> set[str]:
    """Within the caller's transaction, forget the versions of a document that has gone, unless another one has its
    name; returns the ids of their bytes."""
    if is_taken(connection, document, document.name):
        return set()
    theirs = (versions.c.collection_id == _owner(document), versions.c.name == document.name)
    ids = set(connection.execute(sql.select(versions.c.document_id).where(*theirs)).scalars())
    connection.execute(versions.delete().where(*theirs))
    return ids


def unclaimed(connection: sql.Connection, ids: set[str]) -> list[str]:
    """Those of these bytes that no document and no version has, sorted; what OCR read of them is forgotten."""
    claimed = set(connection.execute(claims()).scalars()) if ids else set()
    for one in ids - claimed:
        connection.execute(ocr.delete().where(ocr.c.document_id == one))
    return sorted(ids - claimed)


def claims() -> sql.CompoundSelect[Any]:
    """The ids of all bytes that must be kept."""
    return sql.union(sql.select(documents.c.id), sql.select(versions.c.document_id))


def is_taken(connection: sql.Connection, document: Document, name: str) -> bool:
    """Whether other documents of its collection have a name, be it in a deletion that can be undone."""
    same = (documents.c.collection_id == _owner(document), documents.c.name == name)
    # What was replaced and is only waiting to be cleared cannot come back.
    alive = sql.or_(documents.c.state != State.DELETING.value, documents.c.deleted_at != "")
    query = sql.select(sql.exists().where(*same, documents.c.id != document.id, alive))
    return bool(connection.execute(query).scalar_one())


def _owner(document: Document) -> sql.ScalarSelect[Any]:
    return collection_id(document.collection).scalar_subquery()


def _mine(collection: str) -> sql.Select[Any]:
    return sql.select(versions, collections.c.name.label("collection")).join(
        collections, sql.and_(collections.c.id == versions.c.collection_id, collections.c.name == collection)
    )


def _to_version(row: sql.RowMapping) -> Version:
    return Version(
        collection=row["collection"],
        document=row["document_id"],
        name=row["name"],
        replaced_by=row["replaced_by"],
        added_at=datetime.fromisoformat(row["added_at"]),
        replaced_at=datetime.fromisoformat(row["replaced_at"]),
        bytes=row["bytes"],
        pages=row["pages"],
        chunks=row["chunks"],
    )
