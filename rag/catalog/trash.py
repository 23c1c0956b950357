"""Deletions that can be undone: for a while a document is hidden, and all of it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sql

from rag.catalog.database import Database
from rag.catalog.keys import collection_id, key, slices
from rag.catalog.tables import documents
from rag.records import Document, State, Trashed

UNDO_SECONDS = 120
"""How long a deletion can be undone."""
GRACE_SECONDS = 5
"""So much later what was deleted is removed: whoever pressed the button in the last moment is in time."""


class Trash(Database):
    """Documents that are hidden, and may come back."""

    def trash(self, collection: str, ids: Sequence[str]) -> int:
        """Hide documents at once and together, so that they can be brought back; returns how many."""
        values = {"was": documents.c.state, "deleted_at": _moment(), "state": State.DELETING.value}
        hidden = 0
        with self.write() as connection:
            owner = collection_id(collection).scalar_subquery()
            for some in slices(ids):
                there = (documents.c.id.in_(some), documents.c.state != State.DELETING.value)
                update = documents.update().where(documents.c.collection_id == owner, *there)
                hidden += connection.execute(update.values(values)).rowcount
        return hidden

    def restore(self, collection: str, at: datetime) -> int:
        """Bring back, as they were, the documents of a collection that were deleted at a moment; returns how many: none
        once it is too late."""
        owner = collection_id(collection).scalar_subquery()
        values = {"state": documents.c.was, "was": "", "deleted_at": ""}
        with self.write() as connection:
            theirs = (documents.c.collection_id == owner, documents.c.deleted_at == _moment(at))
            update = documents.update().where(*theirs, in_trash(UNDO_SECONDS)).values(values)
            return connection.execute(update).rowcount

    def trashed(self, collection: str) -> list[Trashed]:
        """What was deleted and can still be brought back, the last deletion first."""
        owner = collection_id(collection).scalar_subquery()
        query = (
            sql.select(documents.c.deleted_at, sql.func.count(), sql.func.min(documents.c.name))
            .where(documents.c.collection_id == owner, in_trash(UNDO_SECONDS))
            .group_by(documents.c.deleted_at)
            .order_by(documents.c.deleted_at.desc())
        )
        with self.read() as connection:
            rows = connection.execute(query).all()
        found = [(datetime.fromisoformat(row[0]), row[1], row[2]) for row in rows]
        return [Trashed(collection, at, number, name, UNDO_SECONDS - _age(at)) for at, number, name in found]

    def is_in_trash(self, document: Document) -> bool:
        """Whether all of it has to be kept, for it may come back."""
        query = sql.select(sql.exists().where(key(document), in_trash()))
        with self.read() as connection:
            return bool(connection.execute(query).scalar_one())


def in_trash(seconds: float = UNDO_SECONDS + GRACE_SECONDS) -> sql.ColumnElement[bool]:
    """Whether a document was deleted less than so many seconds ago, in a way that can be undone."""
    since = _moment(datetime.now(UTC) - timedelta(seconds=seconds))
    return sql.and_(documents.c.state == State.DELETING.value, documents.c.deleted_at > since)


def _moment(when: datetime | None = None) -> str:
    return (when or datetime.now(UTC)).isoformat(timespec="microseconds")


def _age(when: datetime) -> float:
    return (datetime.now(UTC) - when).total_seconds()
