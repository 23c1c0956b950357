"""Collections in the catalog."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql

from rag.catalog.database import Database
from rag.catalog.keys import collection_id, shown
from rag.catalog.tables import OF_A_DOCUMENT, collections, documents, former_names, overlays, to_collection, versions
from rag.catalog.versions import unclaimed
from rag.errors import InputError, NotFoundError
from rag.records import Collection, Recipe


class Collections(Database):
    """Named sets of documents."""

    def collections(self, hidden: bool = False) -> list[Collection]:
        """All collections by name, with counts over the documents that may be shown; with `hidden`, also those that are
        in the making or to be cleared."""
        return list(self.while_unchanged(("collections", hidden), lambda: self._all_counted(hidden)))

    def _all_counted(self, hidden: bool) -> list[Collection]:
        query = counted() if hidden else counted().where(collections.c.shadow_of == "")
        with self.read() as connection:
            return [to_collection(row) for row in connection.execute(query).mappings()]

    def collection(self, name: str) -> Collection:
        """By its name, or by one that it had before. Raises NotFoundError naming the ones there are."""
        return self.while_unchanged(("collection", name), lambda: self._counted(name))

    def _counted(self, name: str) -> Collection:
        with self.read() as connection:
            formerly = sql.select(former_names.c.collection_id).where(former_names.c.name == name)
            called = counted().where(collections.c.name == name), counted().where(collections.c.id.in_(formerly))
            rows = (connection.execute(query).mappings().one_or_none() for query in called)
            row = next((one for one in rows if one is not None), None)
        if row is not None:
            return to_collection(row)
        there = ", ".join(one.name for one in self.collections()) or "none yet"
        raise NotFoundError(f"There is no collection named {name!r}. Collections: {there}.")

    def collection_of(self, identity: str) -> Collection | None:
        """The collection with this id, whatever it is called by now; None if it has been deleted."""
        with self.read() as connection:
            row = connection.execute(counted().where(collections.c.id == identity)).mappings().one_or_none()
        return None if row is None else to_collection(row)

    def current_name(self, name: str) -> str:
        """What a collection is called now that was called so when somebody noted it; `name` itself if there is one of
        that name, or never was."""
        return self.while_unchanged("former names", self._former_names).get(name, name)

    def _former_names(self) -> dict[str, str]:
        query = sql.select(former_names.c.name, collections.c.name.label("now")).join(
            collections, collections.c.id == former_names.c.collection_id
        )
        with self.read() as connection:
            return {row.name: row.now for row in connection.execute(query)}

    def rename_collection(self, name: str, new: str) -> Collection:
        """Call a collection something else, in one transaction; what it was called goes on leading to it.

        Raises NotFoundError, and InputError if another one is called that.
        """
        with self.write() as connection:
            owner = connection.execute(collection_id(name)).scalar_one_or_none()
            if owner is None:
                raise NotFoundError(f"The collection {name!r} has been deleted or renamed meanwhile.")
            if connection.execute(collection_id(new)).scalar_one_or_none() not in (None, owner):
                raise InputError(f"There is a collection named {new!r} already. Choose another name.")
            connection.execute(former_names.delete().where(former_names.c.name.in_((name, new))))
            connection.execute(collections.update().where(collections.c.id == owner).values(name=new))
            if name != new:
                connection.execute(former_names.insert().values(name=name, collection_id=owner))
        return self.collection(new)

    def create_collection(
        self, name: str, store_name: str, fingerprint: Mapping[str, str], recipe: Recipe | None = None
    ) -> Collection:
        """Create it if it is not there; racing creators get the same one."""
        row = {
            "id": uuid.uuid4().hex,
            "name": name,
            "store_name": store_name,
            "fingerprint": json.dumps(dict(fingerprint), sort_keys=True),
            "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
            "recipe": json.dumps(asdict(recipe)) if recipe else "",
            "shadow_of": "",
            "linked": "",
        }
        with self.write() as connection:
            connection.execute(collections.insert().prefix_with("OR IGNORE").values(row))
            connection.execute(former_names.delete().where(former_names.c.name == name))
        return self.collection(name)

    def delete_collection(self, owner: str) -> list[str]:
        """Forget the collection with this id, with all its documents, whatever it is called by now; returns the ids
        whose bytes no other collection holds."""
        with self.write() as connection:
            mine = sql.select(documents.c.id).where(documents.c.collection_id == owner)
            before = sql.select(versions.c.document_id).where(versions.c.collection_id == owner)
            ids = set(connection.execute(sql.union(mine, before)).scalars())
            for table in (*OF_A_DOCUMENT, overlays, versions, documents):
                connection.execute(table.delete().where(table.c.collection_id == owner))
            connection.execute(former_names.delete().where(former_names.c.collection_id == owner))
            connection.execute(collections.delete().where(collections.c.id == owner))
            return unclaimed(connection, ids)


def counted() -> sql.Select[Any]:
    """Collections with their counts: what `to_collection` takes."""
    return (
        sql.select(
            collections,
            sql.func.count(documents.c.id).label("documents"),
            sql.func.coalesce(sql.func.sum(documents.c.chunks), 0).label("chunks"),
            sql.func.coalesce(sql.func.sum(documents.c.bytes), 0).label("bytes"),
        )
        .outerjoin(documents, sql.and_(documents.c.collection_id == collections.c.id, shown()))
        .group_by(collections.c.id)
        .order_by(collections.c.name)
    )
