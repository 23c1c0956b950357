"""Documents that are taken over from another collection: queued there with where they come from, so that it is known
after an interruption too, and gone from the old one in the moment they are ready, if they move."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql

from rag.catalog.carrying import copy_overlays
from rag.catalog.database import Database
from rag.catalog.keys import collection_id, incarnation, key, slices, with_collection
from rag.catalog.overlays import count_chunks
from rag.catalog.queue import FRESH, next_batch
from rag.catalog.tables import OF_A_DOCUMENT, collections, documents, to_document
from rag.errors import NotFoundError
from rag.records import Document, State

_READ = (
    "title",
    "media_type",
    "pages",
    "chunks",
    "date",
    "parser",
    "engines",
    "language",
    "ocr_pages",
    "ocr_confidence",
    "unread_pages",
)
"""What reading a document makes known of it."""
_AGAIN = (State.FAILED.value, State.DELETING.value)


class Transfers(Database):
    """From one collection to another."""

    def transfer(self, collection: str, ids: Sequence[str], target: str, moves: bool) -> tuple[int, list[str]]:
        """Queue documents of a collection in another one, with their names, tags and what was edited of them. Returns
        how many, and the names of those that are left, for they are there already. Raises NotFoundError."""
        queued, there = 0, []
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        with self.write() as connection:
            source, owner = (
                connection.execute(collection_id(one)).scalar_one_or_none() for one in (collection, target)
            )
            if source is None or owner is None:
                raise NotFoundError(f"The collection {target if source else collection!r} has just been deleted.")
            known = sql.select(documents.c.id, documents.c.state).where(documents.c.collection_id == owner)
            states = {row.id: row.state for row in connection.execute(known)}
            values = FRESH | {"batch": next_batch(connection), "collection_id": owner, "replaces": False}
            values |= {"taken_from": source, "moves": moves}
            for some in slices(ids):
                mine = (documents.c.collection_id == source, documents.c.id.in_(some))
                rows: list[dict[str, Any]] = []
                query = sql.select(documents).where(*mine, documents.c.state != State.DELETING.value)
                for row in connection.execute(query).mappings().all():
                    if states.get(row["id"], State.FAILED.value) not in _AGAIN:
                        there.append(row["name"])
                        continue
                    again = {"added_at": now} if row["id"] in states else {}  # another one than a worker may still hold
                    rows.append(dict(row) | values | again)
                if rows:
                    connection.execute(documents.insert().prefix_with("OR REPLACE"), rows)
                    # Here already, for it may have to be read anew; those of other cuts wait without a passage.
                    copy_overlays(connection, source, owner, [row["id"] for row in rows])
                queued += len(rows)
        return queued, sorted(there)

    def source_of(self, document: Document) -> Document | None:
        """The document in another collection that one is taken over from, if it is ready there; in a collection in the
        making, that in the one whose place it is to take."""
        given = sql.func.coalesce(sql.func.nullif(documents.c.taken_from, ""), collections.c.shadow_of)
        mine = documents.join(collections, collections.c.id == documents.c.collection_id)
        origin = sql.select(given).select_from(mine).where(key(document)).scalar_subquery()
        query = with_collection().where(documents.c.collection_id == origin, documents.c.id == document.id)
        with self.read() as connection:
            row = connection.execute(query.where(documents.c.state == State.READY.value)).mappings().one_or_none()
        return None if row is None else to_document(row)

    def copy_text(self, source: Document, document: Document) -> bool:
        """Take over all that is known of a document, down to its passages and what was corrected in them. False, and
        nothing is done, if the document was stopped meanwhile, or the other one is not what it was."""
        with self.write() as connection:
            owner = connection.execute(collection_id(document.collection)).scalar_one()
            same = sql.select(documents).where(incarnation(source), documents.c.state == State.READY.value)
            facts = connection.execute(same).mappings().one_or_none()
            if facts is None:
                return False
            alive = (incarnation(document), documents.c.state == State.INDEXING.value)
            values = {one: facts[one] for one in (*_READ, "edited")} | {"served": False}
            if connection.execute(documents.update().where(*alive).values(values)).rowcount == 0:
                return False
            for table in OF_A_DOCUMENT:
                theirs = (table.c.document_id == document.id, table.c.collection_id == facts["collection_id"])
                mine = (table.c.document_id == document.id, table.c.collection_id == owner)
                connection.execute(table.delete().where(*mine))
                others = [one for one in table.c if one.name != "collection_id"]
                rows = sql.select(sql.literal(owner), *others).where(*theirs)
                connection.execute(table.insert().from_select(["collection_id", *(one.name for one in others)], rows))
            copy_overlays(connection, facts["collection_id"], owner, [document.id])
            count_chunks(connection, document)
        return True
