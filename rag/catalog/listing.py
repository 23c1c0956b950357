"""Lists of documents, a page at a time: what thousands of them are found in, sorted and counted by SQLite."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import sqlalchemy as sql

from rag.catalog.database import Database
from rag.catalog.keys import collection_id, unfinished
from rag.catalog.tables import documents, to_document
from rag.records import Census, Failure, Listed, Listing, Order, Standing, State

_BY: dict[Order, sql.ColumnElement[Any]] = {
    Order.NAME: documents.c.name.collate("NOCASE"),
    Order.DATE: documents.c.date,
    Order.ADDED: documents.c.added_at,
    Order.SIZE: documents.c.bytes,
    Order.PAGES: documents.c.pages,
    Order.PASSAGES: documents.c.chunks,
}


class Listings(Database):
    """Documents of a collection in every state but deleting."""

    def listed(self, listing: Listing, first: int, most: int) -> Listed:
        """`most` documents of a list from its 0-based `first` on, and how many it has."""
        by = _BY[listing.order]
        order = (by.desc() if listing.descending else by.asc(), documents.c.name, documents.c.id)
        called = sql.literal(listing.collection).label("collection")
        some = sql.select(documents, called).where(*_on(listing)).order_by(*order).offset(first).limit(most)
        number = sql.select(sql.func.count()).select_from(documents).where(*_on(listing))
        with self.read() as connection:
            rows = connection.execute(some).mappings().all()
            total = connection.execute(number).scalar_one()
        return Listed(tuple(to_document(row) for row in rows), total)

    def listed_ids(self, listing: Listing) -> list[str]:
        """The ids of all documents of a list."""
        with self.read() as connection:
            return list(connection.execute(sql.select(documents.c.id).where(*_on(listing))).scalars())

    def census(self, collection: str) -> Census:
        """How many documents a collection has of each kind. Not to be altered."""
        return self.while_unchanged(("census", collection), lambda: self._census(collection))

    def _census(self, collection: str) -> Census:
        mine = sql.and_(*_on(Listing(collection)))
        number = sql.func.count()
        standing = sql.case(
            (unfinished(), Standing.UNFINISHED.value),
            (documents.c.state == State.READY.value, Standing.READY.value),
            (documents.c.failure == Failure.CANCELLED.value, Standing.CANCELLED.value),
            else_=Standing.FAILED.value,
        )
        tag = sql.func.json_each(documents.c.tags).table_valued("value")
        tags = sql.select(tag.c.value, number).select_from(documents.join(tag, sql.true())).where(mine)
        with self.read() as connection:
            standings = connection.execute(sql.select(standing, number).where(mine).group_by(standing)).all()
            tagged = connection.execute(tags.group_by(tag.c.value).order_by(tag.c.value)).all()
        return Census({Standing(row[0]): row[1] for row in standings}, {row[0]: row[1] for row in tagged})


def _on(listing: Listing) -> list[sql.ColumnElement[bool]]:
    """The conditions of being on a list."""
    conditions = [
        documents.c.collection_id == collection_id(listing.collection).scalar_subquery(),
        documents.c.state != State.DELETING.value,
    ]
    for word in listing.words.split():
        tagged = _has_tag(partial(_has, word))
        names = [_has(word, one) for one in (documents.c.name, documents.c.title)]
        conditions.append(sql.or_(*names, tagged))
    if listing.tag:
        conditions.append(_has_tag(lambda value: value == listing.tag))
    if listing.standing is not None:
        conditions.append(_standing(listing.standing))
    return conditions


def _has(part: str, value: Any) -> sql.ColumnElement[bool]:
    found: sql.ColumnElement[bool] = value.icontains(part, autoescape=True)
    return found


def _has_tag(condition: Callable[[Any], sql.ColumnElement[bool]]) -> sql.ColumnElement[bool]:
    tag = sql.func.json_each(documents.c.tags).table_valued("value")
    return sql.exists(sql.select(sql.literal(1)).select_from(tag).where(condition(tag.c.value)))


def _standing(standing: Standing) -> sql.ColumnElement[bool]:
    if standing is Standing.UNFINISHED:
        return unfinished()
    if standing is Standing.READY:
        return documents.c.state == State.READY.value
    cancelled = documents.c.failure == Failure.CANCELLED.value
    failed = documents.c.state == State.FAILED.value
    return sql.and_(failed, cancelled if standing is Standing.CANCELLED else sql.not_(cancelled))
