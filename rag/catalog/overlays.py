"""What was changed by hand of chunks, in the catalog: laid over what was read, which is never changed.

An overlay belongs to a cut: to a chunk's id and its place. It is kept when the document is read or cut anew and lies
over the chunk again where the same cut comes back; until then it applies to nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sql

from rag.catalog.documents import Documents
from rag.catalog.keys import belongs, collection_id, incarnation, key
from rag.catalog.tables import chunks, documents, overlay_row, overlays, to_overlay
from rag.errors import InputError
from rag.records import Chunk, ChunkState, Document, Overlay, Passage, State

CORRECTING = "correcting"
"""The stage of a document of which a chunk was changed, until the indexes have it so."""

AS_EDITED = (overlays.c.text.label("own_text"), overlays.c.heading.label("own_heading"), overlays.c.edited_at)
"""What `to_chunk` needs beside a chunk's own columns."""

Spans = Sequence[tuple[int, int]]


def applies() -> sql.ColumnElement[bool]:
    """Whether an overlay lies over a chunk: it is of the same cut."""
    return sql.and_(
        overlays.c.collection_id == chunks.c.collection_id,
        overlays.c.chunk_id == chunks.c.id,
        overlays.c.start == chunks.c.start,
        overlays.c.end == chunks.c.end,
    )


def changed(of: sql.FromClause) -> sql.FromClause:
    """Chunks, or what they are joined with, with what lies over each, if anything does."""
    return of.outerjoin(overlays, applies())


def is_kept() -> sql.ColumnElement[bool]:
    """Of `changed` chunks: whether one is searched."""
    return sql.func.coalesce(overlays.c.state, "") == ChunkState.SHOWN.value


def is_changed() -> sql.ColumnElement[bool]:
    """Whether anything lies over a chunk."""
    return sql.exists().where(applies())


def between(page: Passage, chunk: Chunk, corrected: Spans) -> Passage:
    """What of a page is around a chunk, up to what was corrected or put away before and after it."""
    start = max([page.start, *(end for _, end in corrected if end <= chunk.start)])
    end = min([page.end, *(start for start, _ in corrected if start >= chunk.end)])
    return Passage(start, end, page.text[start - page.start : end - page.start])


def count_chunks(connection: sql.Connection, document: Document) -> None:
    """Note, within the caller's transaction, how many of a document's chunks are searched."""
    query = sql.select(sql.func.count()).select_from(changed(chunks)).where(*belongs(chunks, document), is_kept())
    count = connection.execute(query).scalar_one()
    connection.execute(documents.update().where(key(document)).values(chunks=count))


class Overlays(Documents):
    """What lies over chunks."""

    def overlay(self, collection: str, chunk: str) -> Overlay | None:
        """What was changed of a chunk, whether it applies or not; None if nothing was."""
        with self.read() as connection:
            row = connection.execute(sql.select(overlays).where(*_over(collection, chunk))).one_or_none()
        return None if row is None else to_overlay(row)

    def lay(self, document: Document, chunk: str, overlay: Overlay | None) -> Document:
        """Lay something over a chunk of a ready document instead of what is there; None takes it away.

        Returns the document as it is from now on, its indexes to be brought after it: searchable, in the stage
        CORRECTING, so that the worker does it if whoever asked for it does not come to it. Raises InputError if the
        document is not ready, or not what it was.
        """
        with self.write() as connection:
            ready = (incarnation(document), documents.c.state == State.READY.value)
            begun = {"state": State.SEARCHABLE.value, "stage": CORRECTING}
            if connection.execute(documents.update().where(*ready).values(begun)).rowcount == 0:
                raise InputError(f"{document.name} has just been changed. Look at the passage again, then correct it.")
            connection.execute(overlays.delete().where(*_over(document.collection, chunk)))
            if overlay is not None:
                owner = connection.execute(collection_id(document.collection)).scalar_one()
                connection.execute(overlays.insert().values({"collection_id": owner} | overlay_row(overlay)))
            count_chunks(connection, document)
        return self.document(document.collection, document.id)

    def corrected_in_indexes(self, document: Document) -> None:
        """The indexes have what was changed of a document: it is ready again, unless it went meanwhile."""
        with self.write() as connection:
            mine = (incarnation(document), documents.c.state == State.SEARCHABLE.value, documents.c.stage == CORRECTING)
            ready = {"state": State.READY.value, "stage": ""}
            connection.execute(documents.update().where(*mine).values(ready))

    def corrections(self, collection: str) -> int:
        """Another number after each correction in a collection; for the same corrections always the same."""
        return self.while_unchanged(("corrections", collection), lambda: self._corrections(collection))

    def _corrections(self, collection: str) -> int:
        owner = collection_id(collection).scalar_subquery()
        mine = sql.select(overlays.c.chunk_id, overlays.c.state, overlays.c.edited_at)
        with self.read() as connection:
            rows = sorted(map(tuple, connection.execute(mine.where(overlays.c.collection_id == owner))))
        return int.from_bytes(hashlib.sha256(repr(rows).encode()).digest()[:8])

    def corrected(self, collection: str) -> Mapping[str, Spans]:
        """By document where in its text chunks are that were changed, in order. Not to be altered."""
        return self.while_unchanged(("corrected", collection), lambda: self._corrected(collection))

    def _corrected(self, collection: str) -> dict[str, list[tuple[int, int]]]:
        query = sql.select(chunks.c.document_id, overlays.c.start, overlays.c.end)
        query = query.select_from(overlays.join(chunks, applies()))
        owner = collection_id(collection).scalar_subquery()
        found: dict[str, list[tuple[int, int]]] = {}
        with self.read() as connection:
            for row in connection.execute(query.where(overlays.c.collection_id == owner).order_by(overlays.c.start)):
                found.setdefault(row.document_id, []).append((row.start, row.end))
        return found

    def unapplied(self, collection: str) -> list[Overlay]:
        """What lies over no chunk, because the document was cut or read in another way since."""
        owner = collection_id(collection).scalar_subquery()
        loose = sql.select(overlays).where(overlays.c.collection_id == owner, ~sql.exists().where(applies()))
        with self.read() as connection:
            return [to_overlay(row) for row in connection.execute(loose.order_by(overlays.c.edited_at))]

    def forget_overlay(self, collection: str, chunk: str) -> None:
        """Forget what lies over no chunk; nothing for what does."""
        with self.write() as connection:
            loose = (*_over(collection, chunk), ~sql.exists().where(applies()))
            connection.execute(overlays.delete().where(*loose))


def _over(collection: str, chunk: str) -> tuple[Any, ...]:
    owner = collection_id(collection).scalar_subquery()
    return (overlays.c.collection_id == owner, overlays.c.chunk_id == chunk)
