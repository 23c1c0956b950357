"""Collections as rows: out of the catalog into a backup, and back in one transaction.

Tables are taken as they are, so that a column which a migration adds goes along by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sql

from rag.catalog.database import Database
from rag.catalog.keys import collection_id, key, with_collection
from rag.catalog.queue import batch_of
from rag.catalog.tables import (
    OF_A_DOCUMENT,
    chunks,
    collections,
    documents,
    headings,
    ocr,
    overlays,
    pages,
    texts,
    to_document,
    versions,
)
from rag.errors import InputError
from rag.records import UNFINISHED, Collection, Document, Linked, Recipe, State

Rows = Iterable[Sequence[dict[str, Any]]]
"""Rows of a table, some at a time."""

OF_DOCUMENTS = {
    "texts": (texts, ()),
    "pages": (pages, ("number",)),
    "headings": (headings, ("start",)),
    "chunks": (chunks, ("position",)),
    "overlays": (overlays, ("chunk_id",)),
    "ocr": (ocr, ("engine", "number")),
}
"""The tables with rows of a document, and what these are in order of."""
KEPT_TABLES: dict[str, sql.Table] = {
    "documents": documents,
    **{name: table for name, (table, _) in OF_DOCUMENTS.items()},
    "versions": versions,
}
"""The tables that a backup has."""
_OWNER = "collection_id"
_AT_ONCE = 500


class Column(NamedTuple):
    """A column of a table that is kept: `kind` is str, int, float or bool."""

    name: str
    kind: type
    empty: bool
    """Whether it may be NULL."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A document with all its rows, by table, without the collection's id. `rows` is empty for one that has yet to be
    read, or could not be."""

    document: Document
    row: dict[str, Any]
    rows: Mapping[str, Sequence[dict[str, Any]]]

    @property
    def is_read(self) -> bool:
        """Whether its text is to be searched."""
        return is_read(self.row)


def is_read(row: Mapping[str, Any]) -> bool:
    """Whether a document's row is of one whose text may be searched."""
    return row["state"] in (State.READY, State.SEARCHABLE) or bool(row["served"])


def columns_of(table: sql.Table) -> list[Column]:
    """What a backup keeps of a table."""
    nullable = {(pages.name, "ocr"), (overlays.name, "text"), (overlays.name, "heading")}
    return [
        Column(one.name, one.type.python_type, (table.name, one.name) in nullable)
        for one in table.columns
        if one.name != _OWNER
    ]


class Moving(Database):
    """Whole collections."""

    @property
    def schema(self) -> int:
        """The number of the newest migration, which this file is at."""
        return len(self.migrations)

    def whole(self, document: Document) -> Whole | None:
        """A document with its rows, read at one moment; None if it has been deleted meanwhile."""
        with self.read() as connection:
            found = connection.execute(with_collection().where(key(document))).mappings().one_or_none()
            if found is None or found["state"] == State.DELETING.value:
                return None
            row = {one.name: found[one.name] for one in columns_of(documents)} | _at_rest(found)
            owner = found[_OWNER]
            rows = {
                name: _rows(connection, table, order, owner, document.id)
                for name, (table, order) in OF_DOCUMENTS.items()
                if is_read(row) or table is ocr  # pages that were read by OCR need not be read again
            }
            return Whole(to_document(found), row, rows)

    def kept_versions(self, collection: str) -> Rows:
        """What is kept of documents that were replaced."""
        names = [one.name for one in columns_of(versions)]
        owner = collection_id(collection).scalar_subquery()
        query = sql.select(*(versions.c[one] for one in names)).where(versions.c.collection_id == owner)
        with self.read() as connection:
            result = connection.execution_options(yield_per=_AT_ONCE).execute(query)
            for some in result.mappings().partitions():
                yield [dict(row) for row in some]

    def needed(self, table: str) -> set[str]:
        """The columns of a table that no row can do without: those that have no default."""
        with self.read() as connection:
            there = sql.inspect(connection).get_columns(table)
        return {one["name"] for one in there if not one["nullable"] and one["default"] is None} - {_OWNER}

    def take_in(
        self, collection: Collection, rows: Callable[[str], Rows], replacing: str | None = None
    ) -> tuple[Collection | None, list[str]]:
        """Add a collection with all its rows, in one transaction: `rows` gives those of a table.

        With `replacing` it takes the name and the place of the collection with that id. Returns the collection that
        went, and the ids of the documents whose bytes nobody has any more. Raises InputError if its name is taken.
        """
        with self.write() as connection:
            gone, ids = self._give_way(connection, collection, replacing)
            connection.execute(collections.insert().values(_collection_row(collection)))
            batch = batch_of(connection)
            for name, table in KEPT_TABLES.items():
                mine = {} if table is ocr else {_OWNER: collection.id}
                insert = table.insert().prefix_with("OR IGNORE") if table is ocr else table.insert()
                for some in rows(name):
                    values = [one | mine | _queued(one, batch) if table is documents else one | mine for one in some]
                    if values:
                        connection.execute(insert, values)
            held = set(connection.execute(sql.select(documents.c.id)).scalars())
        return gone, sorted(set(ids) - held)

    def _give_way(
        self, connection: sql.Connection, collection: Collection, replacing: str | None
    ) -> tuple[Collection | None, list[str]]:
        """Remove what is to be replaced from the catalog. Raises InputError if something else has the name."""
        query = sql.select(collections).where(collections.c.name == collection.name)
        there = connection.execute(query).mappings().one_or_none()
        if there is not None and there["id"] != replacing:
            raise InputError(f"There is a collection named {collection.name!r} already. Choose another name.")
        if there is None:
            if replacing is not None:
                raise InputError(
                    f"The collection {collection.name!r} has been deleted or renamed. Nothing was changed."
                )
            return None, []
        ids = list(
            connection.execute(sql.select(documents.c.id).where(documents.c.collection_id == replacing)).scalars()
        )
        for table in (*OF_A_DOCUMENT, overlays, versions, documents):
            connection.execute(table.delete().where(table.c.collection_id == replacing))
        connection.execute(collections.delete().where(collections.c.id == replacing))
        linked = Collection(there["name"], there["store_name"], json.loads(there["fingerprint"]), collection.created_at)
        return linked, ids


def _rows(
    connection: sql.Connection, table: sql.Table, order: Sequence[str], owner: str, document_id: str
) -> list[dict[str, Any]]:
    names = [one.name for one in columns_of(table)]
    mine = [table.c.document_id == document_id] + ([table.c.collection_id == owner] if _OWNER in table.c else [])
    query = sql.select(*(table.c[one] for one in names)).where(*mine).order_by(*(table.c[one] for one in order))
    return [dict(row) for row in connection.execute(query).mappings()]


def _at_rest(row: sql.RowMapping) -> dict[str, Any]:
    """What a document is whose work has been interrupted: it is to be done from the beginning of its stage."""
    if row["state"] not in UNFINISHED:
        return {"stage": ""}
    again = State.QUEUED.value if row["state"] == State.INDEXING else row["state"]
    return {
        "state": again,
        "stage": "",
        "done": 0,
        "total": 0,
        "reason": "" if again == State.QUEUED else row["reason"],
    }


def _queued(row: Mapping[str, Any], batch: int) -> dict[str, Any]:
    """An unfinished document belongs to what is being worked on here."""
    return {"batch": batch} if row["state"] in UNFINISHED else {}


def _collection_row(collection: Collection) -> dict[str, Any]:
    recipe, linked = collection.recipe, collection.linked
    return {
        "id": collection.id,
        "name": collection.name,
        "store_name": collection.store_name,
        "fingerprint": json.dumps(dict(collection.fingerprint), sort_keys=True),
        "created_at": collection.created_at.isoformat(timespec="microseconds"),
        "recipe": _recipe_text(recipe) if recipe else "",
        "shadow_of": "",
        "linked": _linked_text(linked) if linked else "",
    }


def _recipe_text(recipe: Recipe) -> str:
    """A Recipe as the catalog has it."""
    return json.dumps({"model": recipe.model, "precision": recipe.precision, "chunk_tokens": recipe.chunk_tokens})


def _linked_text(linked: Linked) -> str:
    """A Linked as the catalog has it."""
    return json.dumps({"place": linked.place, "name": linked.name, "read_at": linked.read_at.isoformat()})
