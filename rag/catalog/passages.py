"""Chunks as they are looked through: in order, some at a time, by what is known of them; with what was changed."""

from __future__ import annotations

from collections.abc import Collection as Some
from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sql

from rag.catalog.contents import Contents
from rag.catalog.keys import collection_id, shown, slices, waits
from rag.catalog.overlays import AS_EDITED, applies, changed, is_kept
from rag.catalog.tables import chunks, documents, overlays, pages, to_chunk
from rag.records import ChunkState, ListedChunk, Overlay, Which, document_label

Condition = tuple[str, Mapping[str, Any]]
"""SQL over the columns document, name, type, date, tag and page, and its parameters; empty for no condition."""
ALL: Condition = ("", {})
FILTERS_KEPT = 32
"""Filters of which is remembered how many chunks pass, as long as nothing changes."""
AT_ONCE = 40
"""Documents whose chunks are read together, where all are looked through."""

_MINE = sql.and_(documents.c.collection_id == chunks.c.collection_id, documents.c.id == chunks.c.document_id)
_FIELDS = (
    documents.c.id.label("document"),
    documents.c.media_type.label("type"),
    documents.c.date,
    documents.c.tags.label("tag"),
    documents.c.name,
)


class Passages(Contents):
    """Chunks to be read. Only those of documents that may be shown."""

    def counted(
        self, collection: str, which: Which = Which.SHOWN, where: Condition = ALL, by_page: bool = False
    ) -> list[tuple[str, int]]:
        """The documents, by their names, that have chunks to show, each with how many. `by_page` if the condition looks
        at pages: then each chunk is looked at. Not to be altered."""

        def find() -> list[tuple[str, int]]:
            return self._counted_chunks(collection, which, where, by_page)

        if where == ALL:
            return self.while_unchanged(("passages", collection, which), find)
        filtered = self.while_unchanged("filtered passages", dict[Hashable, list[tuple[str, int]]])
        asked = (collection, which, where[0], tuple(where[1].items()))
        if asked not in filtered:
            if len(filtered) >= FILTERS_KEPT:
                filtered.clear()
            filtered[asked] = find()
        return filtered[asked]

    def _counted_chunks(self, collection: str, which: Which, where: Condition, by_page: bool) -> list[tuple[str, int]]:
        owner = collection_id(collection).scalar_subquery()
        mine = sql.and_(documents.c.collection_id == owner, shown(), sql.not_(waits()))
        if by_page or which is Which.CHANGED:
            one = sql.select(*_FIELDS, chunks.c.page, documents.c.added_at).where(mine, _wanted(which))
            over = overlays.join(chunks, applies()) if which is Which.CHANGED else changed(chunks)
            one = one.select_from(over.join(documents, _MINE))
            one = one.where(overlays.c.collection_id == owner) if which is Which.CHANGED else one
            count: Any = sql.func.count()
        else:
            one = sql.select(*_FIELDS, documents.c.added_at, documents.c.chunks).where(mine)
            count = sql.func.sum(sql.literal_column("chunks"))
        held = one.subquery("held")
        query = sql.select(held.c.document, count.label("chunks")).where(_holds(where))
        query = query.group_by(held.c.document).order_by(held.c.name, held.c.added_at)
        with self.read() as connection:
            found = {row.document: int(row.chunks) for row in connection.execute(query)}
        if which is Which.WITH_HIDDEN and not by_page:
            for document, hidden in self._hidden(collection).items():
                found |= {document: found[document] + hidden} if document in found else {}
        return [(document, count) for document, count in found.items() if count]

    def _hidden(self, collection: str) -> dict[str, int]:
        query = sql.select(overlays.c.document_id, sql.func.count().label("hidden"))
        query = query.select_from(overlays.join(chunks, applies()))
        owner = collection_id(collection).scalar_subquery()
        mine = overlays.c.collection_id == owner, overlays.c.state == ChunkState.HIDDEN.value
        with self.read() as connection:
            rows = connection.execute(query.where(*mine).group_by(overlays.c.document_id))
            return {row.document_id: row.hidden for row in rows}

    def read_on(
        self, collection: str, document: str, which: Which, where: Condition, offset: int, limit: int
    ) -> list[ListedChunk]:
        """Some chunks of a document that meet a condition, in reading order."""
        mine = chunks.c.document_id == document
        found = _listing(collection, mine, _wanted(which))
        query = sql.select(found).where(_holds(where)).order_by(found.c.position).limit(limit).offset(offset)
        return self._listed(query)

    def listed_passages(
        self, collection: str, ids: Sequence[str], where: Condition = ALL, which: Which | None = None
    ) -> list[ListedChunk]:
        """Those of some chunks that are there, in the order of `ids`, and meet a condition."""
        found: dict[str, ListedChunk] = {}
        for some in slices(ids):
            listing = _listing(collection, chunks.c.id.in_(some), *(() if which is None else (_wanted(which),)))
            found |= {one.chunk.id: one for one in self._listed(sql.select(listing).where(_holds(where)))}
        return [found[one] for one in ids if one in found]

    def ids_from(self, collection: str, prefix: str, which: Which, most: int) -> list[str]:
        """The first `most` ids of chunks that begin so, in the order of the ids."""
        owner = collection_id(collection).scalar_subquery()
        between = chunks.c.id >= prefix, chunks.c.id < f"{prefix}\U0010ffff"
        query = sql.select(chunks.c.id).select_from(changed(chunks.join(documents, _MINE)))
        query = query.where(chunks.c.collection_id == owner, *between, _wanted(which), shown(), sql.not_(waits()))
        with self.read() as connection:
            return list(connection.execute(query.order_by(chunks.c.id).limit(most)).scalars())

    def each_text(
        self, collection: str, of: Some[str], which: Which, where: Condition = ALL
    ) -> Iterator[tuple[str, str]]:
        """The id and the text of each chunk of some documents that meets a condition, in reading order."""
        ids = list(of)
        for first in range(0, len(ids), AT_ONCE):
            some = ids[first : first + AT_ONCE]
            found = _listing(collection, chunks.c.document_id.in_(some), _wanted(which))
            query = sql.select(found).where(_holds(where)).order_by(found.c.document_id, found.c.position)
            there: dict[str, list[tuple[str, str]]] = {}
            with self.read() as connection:
                for row in connection.execute(query):
                    text = row.text_there if row.own_text is None else row.own_text
                    there.setdefault(row.document_id, []).append((row.id, text))
            for one in some:
                yield from there.get(one, ())

    def _listed(self, query: sql.Select[Any]) -> list[ListedChunk]:
        with self.read() as connection:
            return [_to_listed(row) for row in connection.execute(query)]


def _wanted(which: Which) -> sql.ColumnElement[bool]:
    if which is Which.SHOWN:
        return is_kept()
    if which is Which.CHANGED:
        return overlays.c.state.is_not(None)
    return sql.func.coalesce(overlays.c.state, "") != ChunkState.DELETED.value


def _holds(where: Condition) -> sql.ColumnElement[bool]:
    text, values = where
    if not text:
        return sql.true()
    clause: Any = sql.text(f"({text})").bindparams(**values)
    return clause  # type: ignore[no-any-return]


def _listing(collection: str, *conditions: sql.ColumnElement[bool]) -> sql.Subquery:
    """Chunks with all that a ListedChunk has of them, and the columns that a condition is over."""
    owner = collection_id(collection).scalar_subquery()
    page = sql.and_(
        pages.c.collection_id == chunks.c.collection_id,
        pages.c.document_id == chunks.c.document_id,
        pages.c.number == chunks.c.page,
    )
    there = sql.func.substr(pages.c.text, chunks.c.start - pages.c.start + 1, chunks.c.end - chunks.c.start)
    of_chunk = [one for one in chunks.c if one.name != "collection_id"]
    over = overlays.c.state.label("over_state")
    columns = (*of_chunk, *AS_EDITED, over, *_FIELDS, documents.c.title, pages.c.ocr, there.label("text_there"))
    query = sql.select(*columns).select_from(changed(chunks.join(documents, _MINE).join(pages, page)))
    return query.where(chunks.c.collection_id == owner, shown(), sql.not_(waits()), *conditions).subquery("held")


def _to_listed(row: sql.Row[Any]) -> ListedChunk:
    chunk = to_chunk(row, row.text_there, document_label(row.name, row.title))
    overlay = None
    if row.over_state is not None:
        place = (row.id, row.document_id, row.start, row.end)
        moment = datetime.fromisoformat(row.edited_at) if row.edited_at else None
        overlay = Overlay(*place, row.own_text, row.own_heading, ChunkState(row.over_state), moment)
    return ListedChunk(chunk, row.name, row.text_there, row.heading, overlay, row.ocr)
