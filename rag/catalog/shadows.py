"""Shadows in the catalog: hidden collections that are made anew, in another way, of one that people see, and that take
its place in one transaction.

A shadow has a row for each document of the collection that it shadows, and follows it: what is added there is queued
here, what is deleted there goes here too, and names, titles, dates, tags and edited passages are those of there. What a
swap or a discarding leaves is *abandoned*: a hidden collection of nobody, to be cleared and forgotten.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql

from rag.catalog.carrying import copy_overlays
from rag.catalog.collections import counted
from rag.catalog.database import Database
from rag.catalog.documents import CLEARING
from rag.catalog.following import ABANDONED, Followed, differences, failed_here, row_of
from rag.catalog.keys import slices, unfinished, with_collection
from rag.catalog.queue import FRESH
from rag.catalog.tables import (
    collections,
    documents,
    overlays,
    to_collection,
    to_document,
)
from rag.errors import InputError, NotFoundError
from rag.records import Collection, Document, Recipe, ShadowCounts, State

_OWN = {"taken_from": "", "moves": False}
"""What a document's arrival in its own collection is about does not concern a shadow."""
_WAITING = {**FRESH, **_OWN, "replaces": False, "batch": 0}
_OF_THE_INDEXES = {"stale": 0, "relabel": False}


class Shadows(Database):
    """Collections in the making. All by id: names may change meanwhile."""

    def create_shadow(
        self, original: Collection, store_name: str, fingerprint: Mapping[str, str], recipe: Recipe
    ) -> Collection:
        """Begin to make a collection in another way. Raises InputError if that has begun already, NotFoundError."""
        row = {
            "id": uuid.uuid4().hex,
            "name": f"{original.name[:60]} (re-embedding {uuid.uuid4().hex[:8]})",
            "store_name": store_name,
            "fingerprint": json.dumps(dict(fingerprint), sort_keys=True),
            "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
            "recipe": json.dumps(asdict(recipe)),
            "shadow_of": original.id,
            "linked": "",
        }
        with self.write() as connection:
            if row_of(connection, collections.c.id == original.id) is None:
                raise NotFoundError(f"The collection {original.name!r} has been deleted meanwhile.")
            if row_of(connection, collections.c.shadow_of == original.id) is not None:
                raise InputError(f"{original.name!r} is being re-embedded already. Swap that in, or discard it first.")
            connection.execute(collections.insert().values(row))
        found = self._counted_where(collections.c.id == row["id"])
        if found is None:
            raise NotFoundError(f"The collection {original.name!r} has been deleted meanwhile.")
        self.follow(found)
        return found

    def shadow(self, original: Collection) -> Collection | None:
        """What is to take a collection's place, if anything is."""
        return self.while_unchanged(
            ("shadow", original.id), lambda: self._counted_where(collections.c.shadow_of == original.id)
        )

    def shadowed(self, shadow: Collection) -> Collection | None:
        """The collection whose place a shadow is to take; None if there is none, or it is no shadow."""
        return self.while_unchanged(
            ("shadowed", shadow.id), lambda: self._counted_where(collections.c.id == (shadow.shadow_of or ABANDONED))
        )

    def shadows(self) -> list[Collection]:
        """All that are being made, without those that are abandoned."""
        alive = collections.alias()
        there = sql.exists().where(alive.c.id == collections.c.shadow_of)
        return self.counted_where(there)

    def has_store(self, store_name: str) -> bool:
        """Whether some collection, seen or hidden, is kept under this name."""
        query = sql.select(sql.exists().where(collections.c.store_name == store_name))
        with self.read() as connection:
            return bool(connection.execute(query).scalar_one())

    def follow(self, shadow: Collection) -> Followed:
        """Bring a shadow's documents up to those that it shadows, and say how many were behind: what has changed is
        queued anew, what has gone is marked as deleting."""
        with self.write() as connection:
            found = differences(connection, shadow)
            for some in slices((*found.added, *found.changed)):
                _begin(connection, shadow, some)
                copy_overlays(connection, shadow.shadow_of, shadow.id, some)
            gone = documents.update().values({"state": State.DELETING.value, "was": "", "deleted_at": ""})
            for some in slices(found.gone):
                mine = documents.c.collection_id == shadow.id, documents.c.id.in_(some)
                connection.execute(gone.where(*mine))
        return found

    def behind(self, shadow: Collection) -> Followed:
        """What `follow` would find, without doing anything about it."""

        def find() -> Followed:
            with self.read() as connection:
                return differences(connection, shadow)

        return self.while_unchanged(("behind", shadow.id), find)

    def requeue_shadow(self, shadow: Collection) -> int:
        """Queue those of a shadow's documents once more that have failed here and not there; returns how many."""
        with self.write() as connection:
            mine = documents.c.collection_id == shadow.id
            failed = failed_here(shadow)
            return connection.execute(documents.update().where(mine, failed).values(_WAITING)).rowcount

    def shadow_failures(self, shadow: Collection, most: int) -> list[Document]:
        """Those of a shadow's documents that have failed here and not there, by name; `most` at most."""
        query = with_collection().where(documents.c.collection_id == shadow.id, failed_here(shadow))
        with self.read() as connection:
            rows = connection.execute(query.order_by(documents.c.name).limit(most)).mappings()
            return [to_document(row) for row in rows]

    def count_shadow(self, shadow: Collection) -> ShadowCounts:
        """How far a shadow is."""
        return self.while_unchanged(("shadow counts", shadow.id), lambda: self._count_shadow(shadow))

    def _count_shadow(self, shadow: Collection) -> ShadowCounts:
        c = documents.c
        mine = c.collection_id == shadow.id, c.state != State.DELETING.value
        left = unfinished()
        unread = c.state.in_((State.QUEUED.value, State.INDEXING.value))
        embedded = sql.case(
            (c.state == State.READY.value, c.chunks), (c.stage.in_(("embedding", "storing")), c.done), else_=0
        )
        sums = [sql.func.coalesce(sql.func.sum(one), 0) for one in (c.chunks, embedded)]
        number = [sql.func.coalesce(sql.func.sum(sql.case((one, 1), else_=0)), 0) for one in (left, unread)]
        wanted = sql.or_(c.state != State.FAILED.value, failed_here(shadow))
        others = sql.select(sql.func.count()).select_from(documents)
        with self.read() as connection:
            total = connection.execute(sql.select(sql.func.count(), *number, *sums).where(*mine, wanted)).one()
            failed = connection.execute(others.where(*mine, failed_here(shadow))).scalar_one()
            there = others.where(c.collection_id == shadow.shadow_of, unfinished())
            busy = connection.execute(there).scalar_one()
            why = sql.select(c.reason).where(*mine, left, c.reason != "").limit(1)
            reason = connection.execute(why).scalar_one_or_none() or ""
        return ShadowCounts(total[0], total[0] - total[1] - failed, failed, total[2], total[3], total[4], busy, reason)

    def overlays_of(self, collection: Collection) -> int:
        """How many of a collection's passages were edited or put away."""
        query = sql.select(sql.func.count()).select_from(overlays).where(overlays.c.collection_id == collection.id)
        with self.read() as connection:
            return int(connection.execute(query).scalar_one())

    def _counted_where(self, condition: sql.ColumnElement[bool]) -> Collection | None:
        return next(iter(self.counted_where(condition)), None)

    def counted_where(self, condition: sql.ColumnElement[bool]) -> list[Collection]:
        with self.read() as connection:
            return [to_collection(row) for row in connection.execute(counted().where(condition)).mappings()]


def _at_first(state: str) -> dict[str, Any]:
    """What is otherwise of a document in a shadow at first. What has failed there has failed here, and is not tried."""
    if state == State.FAILED.value:
        return {**_OWN, "state": state, "batch": 0, "stage": CLEARING, "served": False}
    return {**_WAITING, **_OF_THE_INDEXES, "was": "", "deleted_at": ""}


def _begin(connection: sql.Connection, shadow: Collection, ids: Sequence[str]) -> None:
    """Give a shadow its rows of documents, instead of those that it had of them."""
    failed = documents.c.state == State.FAILED.value
    mine = documents.c.collection_id == shadow.shadow_of, documents.c.id.in_(ids)
    for state, which in ((State.FAILED, failed), (State.QUEUED, sql.not_(failed))):
        other = {"collection_id": shadow.id} | _at_first(state.value)
        values = [sql.literal(other[one.name], one.type) if one.name in other else one for one in documents.c]
        there = sql.select(*values).where(*mine, which)
        insert = documents.insert().prefix_with("OR REPLACE")
        connection.execute(insert.from_select([one.name for one in documents.c], there))
