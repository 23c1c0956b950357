"""What there is to look into, counted in the catalog: no page needs to read all documents to be drawn."""

from __future__ import annotations

import sqlalchemy as sql

from rag.catalog.documents import Documents
from rag.catalog.keys import collection_id, listed, shown, unfinished, waits, with_collection
from rag.catalog.tables import collections, documents
from rag.records import Document, Facets, Failure, Search, State, Totals


class Looking(Documents):
    """Documents by what they have in common."""

    def facets(self, collection: str) -> Facets:
        """What the documents of a collection that may be shown can be told apart by. Not to be altered."""
        return self.while_unchanged(("facets", collection), lambda: self._facets(collection))

    def _facets(self, collection: str) -> Facets:
        mine = sql.and_(documents.c.collection_id == collection_id(collection).scalar_subquery(), shown())
        number = sql.func.count()
        dated = sql.func.nullif(documents.c.date, 0)
        by_words = sql.func.coalesce(sql.func.sum(documents.c.state == State.SEARCHABLE.value), 0)
        tag = sql.func.json_each(documents.c.tags).table_valued("value")
        with self.read() as connection:
            count, words, first, last = connection.execute(
                sql.select(number, by_words, sql.func.min(dated), sql.func.max(dated)).where(mine)
            ).one()
            types = connection.execute(
                sql.select(documents.c.media_type, number).where(mine).group_by(documents.c.media_type)
            ).all()
            tags = connection.execute(
                sql.select(tag.c.value, number)
                .select_from(documents.join(tag, sql.true()))
                .where(mine)
                .group_by(tag.c.value)
            ).all()
            # Those that wait to replace another document are not searched at all yet. There are few of them, if any.
            waiting = (
                connection.execute(sql.select(number).select_from(documents).where(mine, waits())).scalar_one()
                if words
                else 0
            )
        return Facets(
            documents=count - waiting,
            by_words=words - waiting,
            tags=dict(sorted((row[0], row[1]) for row in tags)),
            types={row[0]: row[1] for row in sorted(types, key=lambda row: -row[1])},
            first=first or 0,
            last=last or 0,
        )

    def matching(self, search: Search, most: int, named: str = "") -> tuple[int, list[Document]]:
        """How many documents a search looks into, and `most` of them by name; `named` is a part of their names."""
        query = with_collection().where(
            collections.c.name == search.collection, shown(), sql.not_(waits()), *_conditions(search)
        )
        if named:
            query = query.where(documents.c.name.icontains(named, autoescape=True))
        with self.read() as connection:
            count = connection.execute(sql.select(sql.func.count()).select_from(query.subquery())).scalar_one()
        return count, self._all(query.order_by(documents.c.name, documents.c.added_at).limit(most)) if most else []

    def totals(self) -> Totals:
        """What there is in all collections together. Not to be altered."""
        return self.while_unchanged("totals", self._totals)

    def _totals(self) -> Totals:
        added = [sql.func.coalesce(sql.func.sum(one), 0) for one in (documents.c.pages, documents.c.chunks)]
        visible = sql.select(sql.func.count(), *added, sql.func.count(documents.c.collection_id.distinct())).where(
            shown(), listed()
        )
        number = sql.select(sql.func.count()).select_from(documents)
        cancelled = documents.c.failure == Failure.CANCELLED.value
        failed = number.where(documents.c.state == State.FAILED.value, sql.not_(cancelled), listed())
        with self.read() as connection:
            there = connection.execute(visible).one()
            waiting = number.where(unfinished(), listed())
            left, broken = (connection.execute(one).scalar_one() for one in (waiting, failed))
        return Totals(there[0], there[1], there[2], there[3], left, broken)

    def tags(self) -> frozenset[str]:
        """Those that documents have, in any state but deleting."""
        return self.while_unchanged("tags", self._tags)

    def _tags(self) -> frozenset[str]:
        tag = sql.func.json_each(documents.c.tags).table_valued("value")
        there = sql.select(tag.c.value).distinct().select_from(documents.join(tag, sql.true()))
        there = there.where(documents.c.state != State.DELETING.value, listed())
        with self.read() as connection:
            return frozenset(connection.execute(there).scalars())

    def latest(self, most: int) -> list[Document]:
        """The documents that may be shown and were added last, newest first."""
        return self._all(with_collection().where(shown(), listed()).order_by(documents.c.added_at.desc()).limit(most))


def _conditions(search: Search) -> list[sql.ColumnElement[bool]]:
    """The filter of a search (`rag.filters.where_of`) as SQL over documents."""
    conditions: list[sql.ColumnElement[bool]] = []
    if search.documents:
        conditions.append(documents.c.id.in_(search.documents))
    if search.tags:
        tag = sql.func.json_each(documents.c.tags).table_valued("value")
        conditions.append(sql.exists(sql.select(sql.literal(1)).select_from(tag).where(tag.c.value.in_(search.tags))))
    if search.types:
        conditions.append(documents.c.media_type.in_(search.types))
    if search.since or search.until:
        conditions.append(documents.c.date >= (search.since or 1))
    if search.until:
        conditions.append(documents.c.date <= search.until)
    return conditions
