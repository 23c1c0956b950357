"""Which rows: the conditions and queries that several parts of the catalog need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sql

from rag.catalog.tables import collections, documents
from rag.records import UNFINISHED, VISIBLE, Document, State

AT_ONCE = 500
"""Values in one query; SQLite refuses too many."""


def slices(values: Sequence[str]) -> Iterable[Sequence[str]]:
    """The values, so many at a time as a query takes."""
    return (values[first : first + AT_ONCE] for first in range(0, len(values), AT_ONCE))


def collection_id(name: str) -> sql.Select[Any]:
    """The id of the collection of that name."""
    return sql.select(collections.c.id).where(collections.c.name == name)


def key(document: Document) -> sql.ColumnElement[bool]:
    """The document's row."""
    owner = collection_id(document.collection).scalar_subquery()
    return sql.and_(documents.c.collection_id == owner, documents.c.id == document.id)


def incarnation(document: Document) -> sql.ColumnElement[bool]:
    """The document's row unless it has been queued anew since: then a worker still holds the one before."""
    return sql.and_(key(document), documents.c.added_at == moment(document))


def unfinished() -> sql.ColumnElement[bool]:
    """Whether there is work left to do on a document."""
    return documents.c.state.in_([state.value for state in UNFINISHED])


def shown(table: sql.FromClause = documents) -> sql.ColumnElement[bool]:
    """Whether a document's chunks may be shown: those that it has, or while it is read anew those that it had."""
    return sql.or_(table.c.state.in_([state.value for state in VISIBLE]), served(table))


def served(table: sql.FromClause = documents) -> sql.ColumnElement[bool]:
    """Whether a document is being read anew, and is searched as it was read before."""
    return sql.and_(table.c.served, table.c.state.in_([State.QUEUED.value, State.INDEXING.value]))


def waits() -> sql.ColumnElement[bool]:
    """Whether a document is to replace an older one and is not ready to."""
    older = documents.alias()
    replaced = sql.exists().where(
        older.c.collection_id == documents.c.collection_id,
        older.c.name == documents.c.name,
        older.c.id != documents.c.id,
        older.c.added_at < documents.c.added_at,
        shown(older),
    )
    return sql.and_(documents.c.replaces, documents.c.state == State.SEARCHABLE.value, replaced)


def listed() -> sql.ColumnElement[bool]:
    """Whether a document is of a collection that people see, not of one in the making."""
    hidden = sql.select(collections.c.id).where(collections.c.shadow_of != "")
    return documents.c.collection_id.not_in(hidden)


def moment(document: Document) -> str:
    return document.added_at.isoformat(timespec="microseconds")


def belongs(table: sql.Table, document: Document) -> tuple[sql.ColumnElement[bool], ...]:
    """The rows of a table that are a document's."""
    owner = collection_id(document.collection).scalar_subquery()
    return (table.c.collection_id == owner, table.c.document_id == document.id)


def with_collection() -> sql.Select[Any]:
    """Documents with the names of their collections: what `to_document` takes."""
    return sql.select(documents, collections.c.name.label("collection")).join(
        collections, collections.c.id == documents.c.collection_id
    )
