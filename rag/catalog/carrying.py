"""Corrections, and what else people have said of a document, go along where it moves, and over to what replaces it.

All within the caller's transaction: the one in which the old document is hidden for good.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sql

from rag.catalog.keys import belongs, collection_id, key
from rag.catalog.overlays import CORRECTING, applies, count_chunks
from rag.catalog.tables import chunks, documents, overlays, texts
from rag.records import Document, State

log = logging.getLogger(__name__)

_GIVEN = ("title", "date")
"""What may have been given by hand, as `documents.edited` tells."""


class _Place(NamedTuple):
    chunk: str
    start: int
    end: int


def copy_overlays(connection: sql.Connection, source: str, target: str, ids: Sequence[str]) -> None:
    """Give a collection what another one, both by their ids, has of some documents' passages, instead of what it had.
    What another document of it has over the same passage stays."""
    mine = overlays.c.document_id.in_(ids)
    connection.execute(overlays.delete().where(overlays.c.collection_id == target, mine))
    others = [one for one in overlays.c if one.name != "collection_id"]
    rows = sql.select(sql.literal(target), *others).where(overlays.c.collection_id == source, mine)
    insert = overlays.insert().prefix_with("OR IGNORE")
    connection.execute(insert.from_select(["collection_id", *(one.name for one in others)], rows))


def bring_over(connection: sql.Connection, document: Document) -> None:
    """Have what was said, since it was copied, of the document that one was moved from. Where that is in its indexes
    otherwise, it is not ready any more."""
    row = connection.execute(sql.select(documents).where(key(document))).mappings().one()
    left = documents.c.collection_id == row["taken_from"], documents.c.state != State.DELETING.value
    source = connection.execute(sql.select(documents).where(*left, documents.c.id == document.id)).mappings().first()
    if not row["moves"] or source is None:
        return
    edited = set(source["edited"].split())
    values: dict[str, Any] = {one: source[one] for one in _GIVEN if one in edited}
    tags = json.loads(row["tags"])  # nobody knows which are newer, so that none is lost
    values |= {"tags": json.dumps([*tags, *(one for one in json.loads(source["tags"]) if one not in tags)])}
    values |= {"edited": " ".join(sorted(edited | set(row["edited"].split())))}
    values = {name: value for name, value in values.items() if value != row[name]}
    if values:
        connection.execute(documents.update().where(key(document)).values(values | {"stale": documents.c.stale + 1}))
    before = _laid(connection, document)
    copy_overlays(connection, row["taken_from"], row["collection_id"], [document.id])
    if "title" in values:
        connection.execute(documents.update().where(key(document)).values(relabel=True))
        connection.execute(chunks.update().where(*belongs(chunks, document)).values(digest=""))
    if "title" in values or before != _laid(connection, document):
        to_correct(connection, document)


def carry(connection: sql.Connection, replaced: Sequence[Document], document: Document) -> None:
    """Lay what lies over the passages of documents that are replaced over those of `document` that say the same. Where
    there was any, its indexes have to be brought after it, and it is not ready any more."""
    if not replaced:
        return
    before = _laid(connection, document)
    for one in replaced:
        for old, new in _pairs(connection, one, document):
            _lay(connection, old, new, document)
    if before != _laid(connection, document):
        to_correct(connection, document)


def hand_over(connection: sql.Connection, replaced: Sequence[Document], document: Document) -> None:
    """Keep with `document` what lies over passages of documents that are replaced and of which it has no like. That
    applies again if what was replaced comes back."""
    if not replaced:
        return
    theirs = sql.select(chunks.c.id).where(*belongs(chunks, document))
    own = overlays.c.collection_id == _owner(document), overlays.c.chunk_id.in_(theirs)
    connection.execute(overlays.update().where(*own).values(document_id=document.id))
    left = 0
    for one in replaced:
        carried = [old.chunk for old, _ in _pairs(connection, one, document)]
        lacking = (*belongs(overlays, one), overlays.c.chunk_id.not_in(carried))
        left += connection.execute(overlays.update().where(*lacking).values(document_id=document.id)).rowcount
    if left:
        corrections = f"{left:,} corrections" if left != 1 else "1 correction"
        log.info("%s of %s did not carry over to what replaces it", corrections, document.name)


def to_correct(connection: sql.Connection, document: Document) -> None:
    """Of a document that is ready, or is just becoming so, the indexes have to be brought after its corrections."""
    again = {"state": State.SEARCHABLE.value, "stage": CORRECTING}
    connection.execute(documents.update().where(key(document)).values(again))
    count_chunks(connection, document)


def _pairs(connection: sql.Connection, old: Document, new: Document) -> list[tuple[_Place, _Place]]:
    """Passages of a document that were changed, each with one of another document where the same is printed: with
    several the one that is nearest to its place."""
    corrected = _places(connection, old, chunks.join(overlays, applies()))
    if not corrected:
        return []
    said: dict[str, list[_Place]] = {}
    printed = _text(connection, new)
    for one in _places(connection, new, chunks):
        said.setdefault(printed[one.start : one.end].strip(), []).append(one)
    printed, pairs = _text(connection, old), []
    for one in corrected:
        if alike := said.get(printed[one.start : one.end].strip()):
            nearest = min(alike, key=lambda other, one=one: abs(other.start - one.start))  # type: ignore[misc]  # bound
            alike.remove(nearest)
            pairs.append((one, nearest))
    return pairs


def _lay(connection: sql.Connection, old: _Place, new: _Place, document: Document) -> None:
    placed = {"chunk_id": new.chunk, "document_id": document.id, "start": new.start, "end": new.end}
    values = [sql.literal(placed[one.name], one.type) if one.name in placed else one for one in overlays.c]
    mine = overlays.c.collection_id == _owner(document), overlays.c.chunk_id == old.chunk
    insert = overlays.insert().prefix_with("OR REPLACE")
    connection.execute(insert.from_select([one.name for one in overlays.c], sql.select(*values).where(*mine)))


def _laid(connection: sql.Connection, document: Document) -> set[tuple[Any, ...]]:
    query = sql.select(overlays.c.chunk_id, overlays.c.edited_at, overlays.c.state, overlays.c.text, overlays.c.heading)
    return {tuple(row) for row in connection.execute(query.where(*belongs(overlays, document)))}


def _places(connection: sql.Connection, document: Document, among: sql.FromClause) -> list[_Place]:
    query = sql.select(chunks.c.id, chunks.c.start, chunks.c.end).select_from(among)
    return [_Place(*row) for row in connection.execute(query.where(*belongs(chunks, document)).order_by("start"))]


def _text(connection: sql.Connection, document: Document) -> str:
    return connection.execute(sql.select(texts.c.text).where(*belongs(texts, document))).scalar_one_or_none() or ""


def _owner(document: Document) -> sql.ScalarSelect[Any]:
    return collection_id(document.collection).scalar_subquery()
