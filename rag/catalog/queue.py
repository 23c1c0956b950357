"""The queue in the catalog: documents on their way from queued to ready, whoever queued them.

Every change names the incarnation it is about, so that a worker whose document was deleted, cancelled or queued anew
meanwhile changes nothing and hears so.
"""

from __future__ import annotations

import json
from collections.abc import Collection as Some
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql

from rag.catalog.database import Database
from rag.catalog.documents import CLEARING, hide
from rag.catalog.keys import collection_id, incarnation, key, moment, served, unfinished, with_collection
from rag.catalog.tables import collections, document_row, documents, to_document
from rag.errors import NotFoundError
from rag.records import Collection, Document, Failure, State

_FRESH = {
    "state": State.QUEUED.value,
    "stage": "",
    "reason": "",
    "done": 0,
    "total": 0,
    "seconds": 0.0,
    "timings": "{}",
    "failure": "",
    "served": False,
}
_BEFORE = {"state": State.READY.value, "stage": "", "done": 0, "total": 0, "served": False}
"""As a document was before it was queued to be read anew."""


class Queue(Database):
    """Documents, by what is to be done with them."""

    def enqueue(self, document: Document, again: Some[State] = (State.FAILED, State.DELETING)) -> bool:
        """Add a document as queued, or queue one that is there in a state of `again` once more; else False.

        One that is ready is searched as it is until it has been read anew, and keeps its name and what is known of it.
        Raises NotFoundError if its collection has just been deleted.
        """
        with self.write() as connection:
            owner = connection.execute(collection_id(document.collection)).scalar_one_or_none()
            if owner is None:
                raise NotFoundError(f"The collection {document.collection!r} has just been deleted. Try again.")
            values = document_row(document) | _FRESH | {"batch": batch_of(connection)}
            found = connection.execute(sql.select(documents.c.state).where(key(document))).scalar_one_or_none()
            if found is None:
                connection.execute(documents.insert().values(values | {"collection_id": owner}))
                return True
            if found not in again:
                return False
            if found == State.READY.value:
                values = {name: values[name] for name in (*_FRESH, "batch", "added_at", "tags")}
                same_name = documents.c.name == document.name
                values |= {"served": True, "replaces": same_name if document.replaces else False}
            connection.execute(documents.update().where(key(document)).values(values))
            return True

    def retry(self, chosen: Iterable[Document]) -> int:
        """Queue documents once more that have failed, or are ready and not read in full; returns how many.

        The latter are searched as they are until they have been read anew.
        """
        queued = 0
        with self.write() as connection:
            ready = documents.c.state == State.READY.value
            partly = sql.and_(ready, sql.or_(documents.c.unread_pages > 0, documents.c.reason != ""))
            replaces = sql.and_(documents.c.replaces, sql.not_(ready))
            values = _FRESH | {"batch": batch_of(connection), "served": ready, "replaces": replaces}
            for one in chosen:
                alive = (incarnation(one), sql.or_(documents.c.state == State.FAILED.value, partly))
                update = documents.update().where(*alive).values(values | {"added_at": _now()})
                queued += connection.execute(update).rowcount
        return queued

    def requeue(self, collection: Collection, store_name: str, fingerprint: Mapping[str, str]) -> None:
        """Queue a collection's documents to be indexed anew, as `store_name` and in the way of `fingerprint`.

        Cancelled ones stay so. One that was to replace others when it is ready still does.
        """
        made = {"fingerprint": json.dumps(dict(fingerprint), sort_keys=True), "store_name": store_name}
        with self.write() as connection:
            owner = connection.execute(collection_id(collection.name)).scalar_one()
            connection.execute(collections.update().where(collections.c.id == owner).values(made))
            wanted = documents.c.state != State.DELETING.value, documents.c.failure != Failure.CANCELLED.value
            replaces = sql.and_(documents.c.replaces, documents.c.state != State.READY.value)
            again = _FRESH | {"replaces": replaces, "batch": batch_of(connection)}
            connection.execute(documents.update().where(documents.c.collection_id == owner, *wanted).values(again))

    def reopen(self, reindexed: Iterable[Document]) -> None:
        """Let the vectors of ready documents be made again; their words stay searchable."""
        with self.write() as connection:
            values = {"state": State.SEARCHABLE.value, "stage": "", "batch": batch_of(connection)}
            for one in reindexed:
                alive = (incarnation(one), documents.c.state == State.READY.value)
                connection.execute(documents.update().where(*alive).values(values))

    def supersede(self, document: Document) -> list[Document]:
        """Hide the older documents of the same name, and make this one the newest; returns the hidden ones."""
        with self.write() as connection:
            namesakes = _namesakes(connection, document)
            connection.execute(documents.update().where(key(document)).values(added_at=_now()))
            hide(connection, namesakes)
        return namesakes

    def next_of(self, states: Iterable[State]) -> Document | None:
        """The document in one of these states that was queued first."""
        query = (
            with_collection()
            .where(documents.c.state.in_([state.value for state in states]))
            .order_by(documents.c.added_at, sql.literal_column("documents.rowid"))
            .limit(1)
        )
        with self.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else to_document(row)

    def waiting(self, most: int) -> list[Document]:
        """The unfinished documents, those being worked on first, then as they were queued; `most` at most."""
        idle = documents.c.stage.in_(("", "waiting"))
        query = (
            with_collection()
            .where(unfinished())
            .order_by(idle, documents.c.added_at, sql.literal_column("documents.rowid"))
            .limit(most)
        )
        with self.read() as connection:
            return [to_document(row) for row in connection.execute(query).mappings()]

    # -- what a worker reports: each False if the document was deleted, cancelled or queued anew meanwhile -----------

    def progress(
        self,
        document: Document,
        stage: str,
        done: int = 0,
        total: int = 0,
        timings: Mapping[str, float] = {},
        pages: int = 0,
    ) -> bool:
        """Note how far the document is, how long its stages have taken so far, and its pages once they are counted."""
        state = sql.case(
            (documents.c.state == State.QUEUED.value, State.INDEXING.value),
            else_=documents.c.state,
        )
        values = {"state": state, "stage": stage, "done": done, "total": total, "timings": json.dumps(dict(timings))}
        return self._update(document, values | ({"pages": pages} if pages else {}))

    def searchable(self, document: Document, timings: Mapping[str, float]) -> bool:
        """Its whole text is in the lexical index."""
        values = {"state": State.SEARCHABLE.value, "stage": "waiting", "timings": json.dumps(dict(timings))}
        return self._update(document, values, documents.c.state == State.INDEXING.value)

    def finish(self, document: Document, seconds: float, timings: Mapping[str, float]) -> list[Document] | None:
        """Make the document ready and, in the same transaction, hide the older namesakes that it replaces.

        Returns the namesakes, now to be deleted; None if the document was deleted, cancelled or queued anew meanwhile.
        """
        values = {"state": State.READY.value, "seconds": seconds, "timings": json.dumps(dict(timings))}
        with self.write() as connection:
            alive = (incarnation(document), documents.c.state == State.SEARCHABLE.value)
            update = documents.update().where(*alive).values(values | {"stage": "", "reason": ""})
            if connection.execute(update).rowcount == 0:
                return None
            older = documents.c.added_at < moment(document)
            namesakes = _namesakes(connection, document, older) if document.replaces else []
            hide(connection, namesakes)
        return namesakes

    def fail(
        self, document: Document, reason: str, timings: Mapping[str, float] = {}, failure: Failure | None = None
    ) -> bool:
        """It cannot be done, or was cancelled. What the indexes have of it has now to be cleared.

        One that is still searched as it was read before stays so, and is ready again, with the reason.
        """
        if self._update(document, _BEFORE | {"reason": "" if failure is Failure.CANCELLED else reason}, served()):
            return True
        took = {"seconds": sum(timings.values()), "timings": json.dumps(dict(timings))}
        values = {"state": State.FAILED.value, "reason": reason, "stage": CLEARING, "failure": failure or ""}
        return self._update(document, values | took)

    def wait(self, document: Document, reason: str) -> bool:
        """Something else is in the way; it goes on when that is over."""
        return self._update(document, {"reason": reason})

    def _update(
        self, document: Document, values: Mapping[str, Any], condition: sql.ColumnElement[bool] | None = None
    ) -> bool:
        with self.write() as connection:
            alive = (incarnation(document), unfinished() if condition is None else condition)
            update = documents.update().where(*alive).values(dict(values))
            return connection.execute(update).rowcount == 1


def batch_of(connection: sql.Connection) -> int:
    """The batch of what is queued now: the one being worked on, or a new one."""
    running = connection.execute(sql.select(sql.func.max(documents.c.batch)).where(unfinished())).scalar_one()
    newest = connection.execute(sql.select(sql.func.max(documents.c.batch))).scalar_one()
    return int(running or (newest or 0) + 1)


def _namesakes(connection: sql.Connection, document: Document, *conditions: sql.ColumnElement[bool]) -> list[Document]:
    query = with_collection().where(
        collections.c.name == document.collection,
        documents.c.name == document.name,
        documents.c.id != document.id,
        documents.c.state != State.DELETING.value,
        *conditions,
    )
    return [to_document(row) for row in connection.execute(query).mappings()]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
