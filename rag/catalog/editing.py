"""What people change about documents by hand, and which of it the indexes do not have yet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sql

from rag.catalog.database import Database
from rag.catalog.keys import belongs, collection_id, incarnation, key, slices, with_collection
from rag.catalog.overlays import CORRECTING
from rag.catalog.tables import chunks, documents, to_document
from rag.catalog.versions import is_taken, rename_versions
from rag.errors import InputError, NotFoundError
from rag.records import Document, State, document_label

TITLE, DATE = "title", "date"
"""In `documents.edited`: what reading the document anew leaves as it is."""
EDITABLE = frozenset((TITLE, DATE))


@dataclass(frozen=True, slots=True)
class Stale:
    """A ready document of which the indexes have something that was edited since. `edits` tells how often; `label` is
    whether it is called otherwise, which the lexical index has too."""

    document: Document
    edits: int
    label: bool


class Editing(Database):
    """Edits of what is known of documents, not of what they say."""

    def edit(self, document: Document, name: str, title: str, date: int, tags: Sequence[str]) -> Document:
        """Change what a document is called and its date (yyyymmdd) and tags, all or nothing; returns it as it is then.

        Where its passages are embedded under another title from now on, their vectors are made again, and it is
        searched by its words meanwhile. Raises NotFoundError if it has gone, InputError if it is called otherwise while
        it is being read, or as another document is.
        """
        with self.write() as connection:
            row = connection.execute(with_collection().where(key(document))).mappings().one_or_none()
            if row is None or row["state"] == State.DELETING.value:
                raise NotFoundError(f"{document.name} has been deleted meanwhile.")
            now = to_document(row)
            called = (name, title) != (now.name, now.title)
            if called and not _is_read(now):
                raise InputError(f"{now.name} is being read. Its name and title can be changed when that is done.")
            if name != now.name and is_taken(connection, now, name):
                raise InputError(
                    f"Another document of this collection is called {name} already, or was until it was deleted just "
                    "now. Choose another name."
                )
            by_hand = {TITLE: title != now.title, DATE: date != now.date}
            edited = {*row["edited"].split(), *(one for one, is_so in by_hand.items() if is_so)}
            values: dict[str, Any] = {"name": name, "title": title, "date": date, "tags": json.dumps(tuple(tags))}
            values |= {"edited": " ".join(sorted(edited))}
            if name != now.name:
                rename_versions(connection, now, name)
                values |= {"replaces": False}  # those it replaced had its old name
            if called:
                values |= {"relabel": True} | self._embedded_anew(connection, now, name, title)
            if any(values[one] != row[one] for one in values):
                values |= {"stale": documents.c.stale + 1}
                connection.execute(documents.update().where(key(now)).values(values))
            return to_document(connection.execute(with_collection().where(key(now))).mappings().one())

    def _embedded_anew(self, connection: sql.Connection, now: Document, name: str, title: str) -> dict[str, Any]:
        """What must be so that its vectors are made again, if its passages are embedded under another title."""
        if document_label(name, title) == document_label(now.name, now.title):
            return {}
        # Nobody may take over the vectors that are there.
        connection.execute(chunks.update().where(*belongs(chunks, now)).values(digest=""))
        # One that is being corrected has vectors too, and its correction must not end as if they were right.
        embedded = now.state is State.READY or now.stage == CORRECTING
        return {"state": State.SEARCHABLE.value, "stage": "", "replaces": False} if embedded else {}

    def retag(self, collection: str, ids: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> int:
        """Give tags to documents and take others away, of all of them or of none; returns how many it changed."""
        with self.write() as connection:
            owner = connection.execute(collection_id(collection)).scalar_one_or_none()
            mine = (documents.c.collection_id == owner, documents.c.state != State.DELETING.value)
            changed = []
            for some in slices(ids):
                query = sql.select(documents.c.id, documents.c.tags).where(*mine, documents.c.id.in_(some))
                for row in connection.execute(query):
                    before = json.loads(row.tags)
                    tags = [one for one in dict.fromkeys((*before, *add)) if one not in remove]
                    if tags != before:
                        changed.append({"document": row.id, "given": json.dumps(tags)})
            values = {"tags": sql.bindparam("given"), "stale": documents.c.stale + 1}
            update = documents.update().where(*mine, documents.c.id == sql.bindparam("document")).values(values)
            if changed:
                connection.execute(update, changed)
        return len(changed)

    def given(self, document: Document) -> dict[str, Any]:
        """What was given to a document by hand, which reading it anew does not change: field -> value."""
        with self.read() as connection:
            row = connection.execute(sql.select(documents).where(key(document))).mappings().one_or_none()
        return {} if row is None else {one: row[one] for one in row["edited"].split()}

    def next_stale(self) -> Stale | None:
        """A ready document of which the indexes have something old; None if there is none."""
        query = with_collection().where(documents.c.stale > 0, documents.c.state == State.READY.value).limit(1)
        with self.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else Stale(to_document(row), row["stale"], bool(row["relabel"]))

    def labelled(self, stale: Stale) -> None:
        """The indexes have what was edited so far."""
        with self.write() as connection:
            same = (incarnation(stale.document), documents.c.stale == stale.edits)
            connection.execute(documents.update().where(*same).values(stale=0, relabel=False))


def _is_read(document: Document) -> bool:
    return document.state in (State.READY, State.SEARCHABLE, State.FAILED)
