"""Collections in the catalog."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql

from rag.catalog.database import Database
from rag.catalog.keys import collection_id, shown
from rag.catalog.tables import OF_A_DOCUMENT, collections, documents, ocr, overlays, to_collection
from rag.errors import NotFoundError
from rag.records import Collection


class Collections(Database):
    """Named sets of documents."""

    def collections(self) -> list[Collection]:
        """All collections by name, with counts over the documents that may be shown."""
        with self.read() as connection:
            return [to_collection(row) for row in connection.execute(_counted()).mappings()]

    def collection(self, name: str) -> Collection:
        """Raises NotFoundError naming the ones there are."""
        return self.while_unchanged(("collection", name), lambda: self._counted(name))

    def _counted(self, name: str) -> Collection:
        with self.read() as connection:
            row = connection.execute(_counted().where(collections.c.name == name)).mappings().one_or_none()
        if row is not None:
            return to_collection(row)
        there = ", ".join(one.name for one in self.collections()) or "none yet"
        raise NotFoundError(f"There is no collection named {name!r}. Collections: {there}.")

    def create_collection(self, name: str, store_name: str, fingerprint: Mapping[str, str]) -> Collection:
        """Create it if it is not there; racing creators get the same one."""
        row = {
            "id": uuid.uuid4().hex,
            "name": name,
            "store_name": store_name,
            "fingerprint": json.dumps(dict(fingerprint), sort_keys=True),
            "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
            "recipe": "",
            "shadow_of": "",
            "linked": "",
        }
        with self.write() as connection:
            connection.execute(collections.insert().prefix_with("OR IGNORE").values(row))
        return self.collection(name)

    def delete_collection(self, name: str) -> list[str]:
        """Forget a collection with all its documents; returns the ids whose bytes no other collection holds."""
        with self.write() as connection:
            owner = connection.execute(collection_id(name)).scalar_one_or_none()
            mine = sql.select(documents.c.id).where(documents.c.collection_id == owner)
            ids = connection.execute(mine).scalars().all()
            for table in (*OF_A_DOCUMENT, overlays, documents):
                connection.execute(table.delete().where(table.c.collection_id == owner))
            connection.execute(collections.delete().where(collections.c.id == owner))
            connection.execute(ocr.delete().where(ocr.c.document_id.not_in(sql.select(documents.c.id))))
            held = set(connection.execute(sql.select(documents.c.id)).scalars())
        return sorted(set(ids) - held)


def _counted() -> sql.Select[Any]:
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
