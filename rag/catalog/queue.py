"""The queue in the catalog: documents on their way from queued to ready, whoever queued them.

Every change names the incarnation it is about, so that a worker whose document was deleted, cancelled or queued anew
meanwhile changes nothing and hears so.
"""

from __future__ import annotations

import json
from collections.abc import Collection as Some
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql

from rag.catalog.database import Database
from rag.catalog.documents import hide
from rag.catalog.keys import collection_id, incarnation, key, moment, with_collection
from rag.catalog.tables import collections, document_row, documents, speeds, to_document
from rag.errors import NotFoundError
from rag.records import UNFINISHED, Collection, Document, State

KEPT_OF_SPEEDS = 0.9
"""What an older measurement of a speed still counts for beside the next one."""
_FRESH = {
    "state": State.QUEUED.value,
    "stage": "",
    "reason": "",
    "done": 0,
    "total": 0,
    "seconds": 0.0,
    "timings": "{}",
}


@dataclass(frozen=True, slots=True)
class Load:
    """Documents of one state in the running batch: how many, their bytes and chunks, of which `done` have vectors, and
    the pages that OCR has still to read."""

    documents: int = 0
    bytes: int = 0
    chunks: int = 0
    done: int = 0
    ocr: int = 0


class Queue(Database):
    """Documents, by what is to be done with them."""

    def enqueue(self, document: Document, again: Some[State] = (State.FAILED,)) -> bool:
        """Add a document as queued, or queue one that is there in a state of `again` once more; else False.

        Raises NotFoundError if its collection has just been deleted.
        """
        with self.write() as connection:
            owner = connection.execute(collection_id(document.collection)).scalar_one_or_none()
            if owner is None:
                raise NotFoundError(f"The collection {document.collection!r} has just been deleted. Try again.")
            values = document_row(document) | _FRESH | {"batch": _batch(connection)}
            found = connection.execute(sql.select(documents.c.state).where(key(document))).scalar_one_or_none()
            if found is None:
                connection.execute(documents.insert().values(values | {"collection_id": owner}))
            elif found in again:
                connection.execute(documents.update().where(key(document)).values(values))
            return found is None or found in again

    def retry(self, chosen: Iterable[Document]) -> int:
        """Queue documents once more that have failed, or are ready with pages unread; returns how many."""
        queued = 0
        with self.write() as connection:
            values = _FRESH | {"batch": _batch(connection)}
            partly = sql.and_(documents.c.state == State.READY.value, documents.c.unread_pages > 0)
            for one in chosen:
                alive = (incarnation(one), sql.or_(documents.c.state == State.FAILED.value, partly))
                update = documents.update().where(*alive).values(values | {"added_at": _now()})
                queued += connection.execute(update).rowcount
        return queued

    def requeue(self, collection: Collection, store_name: str, fingerprint: Mapping[str, str]) -> None:
        """Queue a collection's documents to be indexed anew, as `store_name` and in the way of `fingerprint`."""
        made = {"fingerprint": json.dumps(dict(fingerprint), sort_keys=True), "store_name": store_name}
        with self.write() as connection:
            owner = connection.execute(collection_id(collection.name)).scalar_one()
            connection.execute(collections.update().where(collections.c.id == owner).values(made))
            mine = sql.and_(documents.c.collection_id == owner, documents.c.state != State.DELETING.value)
            again = _FRESH | {"replaces": False, "batch": _batch(connection)}
            connection.execute(documents.update().where(mine).values(again))

    def reopen(self, reindexed: Iterable[Document]) -> None:
        """Let the vectors of ready documents be made again; their words stay searchable."""
        with self.write() as connection:
            values = {"state": State.SEARCHABLE.value, "stage": "", "batch": _batch(connection)}
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

    def loads(self) -> dict[State, Load]:
        """What the batch that is being worked on has in each state; nothing if all is done."""
        unfinished = documents.c.state.in_([state.value for state in UNFINISHED])
        current = sql.select(sql.func.max(documents.c.batch)).where(unfinished).scalar_subquery()
        query = (
            sql.select(
                documents.c.state,
                sql.func.count().label("documents"),
                sql.func.sum(documents.c.bytes).label("bytes"),
                sql.func.sum(documents.c.chunks).label("chunks"),
                sql.func.sum(sql.case((documents.c.stage == "embedding", documents.c.done), else_=0)).label("done"),
                sql.func.sum(sql.case((documents.c.stage == "ocr", documents.c.total - documents.c.done), else_=0)),
            )
            .where(documents.c.batch == current)
            .group_by(documents.c.state)
        )
        with self.read() as connection:
            return {State(row[0]): Load(*row[1:]) for row in connection.execute(query)}

    def waiting(self, most: int) -> list[Document]:
        """The unfinished documents, those being worked on first, then as they were queued; `most` at most."""
        idle = documents.c.stage.in_(("", "waiting"))
        query = (
            with_collection()
            .where(documents.c.state.in_([state.value for state in UNFINISHED]))
            .order_by(idle, documents.c.added_at, sql.literal_column("documents.rowid"))
            .limit(most)
        )
        with self.read() as connection:
            return [to_document(row) for row in connection.execute(query).mappings()]

    # -- what a worker reports: each False if the document was deleted, cancelled or queued anew meanwhile -----------

    def progress(
        self, document: Document, stage: str, done: int = 0, total: int = 0, timings: Mapping[str, float] = {}
    ) -> bool:
        """Note how far the document is, and how long its stages have taken so far."""
        state = sql.case(
            (documents.c.state == State.QUEUED.value, State.INDEXING.value),
            else_=documents.c.state,
        )
        values = {"state": state, "stage": stage, "done": done, "total": total, "timings": json.dumps(dict(timings))}
        return self._update(document, values, UNFINISHED)

    def searchable(self, document: Document, timings: Mapping[str, float]) -> bool:
        """Its whole text is in the lexical index."""
        values = {"state": State.SEARCHABLE.value, "stage": "waiting", "timings": json.dumps(dict(timings))}
        return self._update(document, values, (State.INDEXING,))

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

    def fail(self, document: Document, reason: str, seconds: float = 0.0) -> bool:
        """It cannot be done, or was cancelled."""
        values = {"state": State.FAILED.value, "reason": reason, "seconds": seconds, "stage": ""}
        return self._update(document, values, UNFINISHED)

    def wait(self, document: Document, reason: str) -> bool:
        """Something else is in the way; it goes on when that is over."""
        return self._update(document, {"reason": reason}, UNFINISHED)

    def mark_deleting(self, document: Document) -> bool:
        return self._update(document, {"state": State.DELETING.value}, tuple(State))

    def _update(self, document: Document, values: Mapping[str, Any], states: Iterable[State]) -> bool:
        among = documents.c.state.in_([state.value for state in states])
        with self.write() as connection:
            update = documents.update().where(incarnation(document), among).values(dict(values))
            return connection.execute(update).rowcount == 1

    # -- speeds --------------------------------------------------------------------------------------

    def note_speed(self, stage: str, units: float, seconds: float) -> None:
        """Add a measurement to the speed of a stage; older ones fade."""
        with self.write() as connection:
            row = connection.execute(sql.select(speeds).where(speeds.c.stage == stage)).one_or_none()
            before = (row.units * KEPT_OF_SPEEDS, row.seconds * KEPT_OF_SPEEDS) if row else (0.0, 0.0)
            values = {"stage": stage, "units": before[0] + units, "seconds": before[1] + seconds}
            connection.execute(speeds.insert().prefix_with("OR REPLACE").values(values))

    def speeds(self) -> dict[str, float]:
        """Units a second by stage, as measured on this machine."""
        with self.read() as connection:
            return {row.stage: row.units / row.seconds for row in connection.execute(sql.select(speeds)) if row.seconds}


def _batch(connection: sql.Connection) -> int:
    """The batch of what is queued now: the one being worked on, or a new one."""
    unfinished = documents.c.state.in_([state.value for state in UNFINISHED])
    running = connection.execute(sql.select(sql.func.max(documents.c.batch)).where(unfinished)).scalar_one()
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
