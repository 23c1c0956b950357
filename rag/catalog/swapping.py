"""How a shadow ends: it takes the place of what it shadows, or is given up; then what is left is cleared."""

from __future__ import annotations

import uuid

import sqlalchemy as sql

from rag.catalog.carrying import copy_overlays
from rag.catalog.following import ABANDONED, differences, failed_here, row_of
from rag.catalog.keys import slices, unfinished
from rag.catalog.queue import FRESH
from rag.catalog.shadows import Shadows
from rag.catalog.tables import OF_A_DOCUMENT, collections, documents, former_names, overlays, versions
from rag.catalog.trash import in_trash
from rag.errors import InputError, NotFoundError
from rag.records import Collection, State

AT_ONCE = 100
"""Documents."""


class Swaps(Shadows):
    """Each of these changes is one transaction."""

    def swap(self, shadow: Collection, without_failed: bool = False) -> None:
        """Put a shadow in the place of the collection that it shadows, in one transaction, however large they are: it
        is called so from now on, by former names too, and has its age and the versions before its documents. What was
        there before is abandoned.

        Raises InputError, and changes nothing, if the two do not have the same documents, or any is unfinished, or,
        unless `without_failed`, has failed in the shadow alone. NotFoundError if either has gone.
        """
        with self.write() as connection:
            mine = row_of(connection, collections.c.id == shadow.id)
            theirs = row_of(connection, collections.c.id == shadow.shadow_of)
            if mine is None or theirs is None or mine["shadow_of"] != theirs["id"]:
                raise NotFoundError("What was to be swapped in has been discarded, or swapped in already.")
            self._require_whole(connection, shadow, theirs["name"], without_failed)
            left = {"name": f"{uuid.uuid4().hex} (replaced)", "shadow_of": ABANDONED}
            connection.execute(collections.update().where(collections.c.id == theirs["id"]).values(left))
            kept = {name: theirs[name] for name in ("name", "created_at", "linked")} | {"shadow_of": ""}
            connection.execute(collections.update().where(collections.c.id == mine["id"]).values(kept))
            self._keep_trash(connection, theirs["id"], mine["id"])
            for table in (former_names, versions):
                handed_on = table.update().where(table.c.collection_id == theirs["id"])
                connection.execute(handed_on.values(collection_id=mine["id"]))

    def _keep_trash(self, connection: sql.Connection, theirs: str, mine: str) -> None:
        """What was deleted and may come back does so in the collection's new version, where it has to be indexed."""
        trashed = sql.select(documents).where(documents.c.collection_id == theirs, in_trash())
        rows = connection.execute(trashed).mappings().all()
        kept = ("state", "was", "deleted_at", "reason", "failure")
        values = [
            {**row, **FRESH, **{one: row[one] for one in kept}, "was": _again(row["was"]), "collection_id": mine}
            for row in rows
        ]
        if values:
            connection.execute(documents.insert().prefix_with("OR REPLACE"), values)
        for some in slices([row["id"] for row in rows]):
            copy_overlays(connection, theirs, mine, some)

    def _require_whole(self, connection: sql.Connection, shadow: Collection, name: str, without_failed: bool) -> None:
        number = sql.select(sql.func.count()).select_from(documents)
        here, there = (documents.c.collection_id == one for one in (shadow.id, shadow.shadow_of))
        left = connection.execute(number.where(here, unfinished())).scalar_one()
        busy = connection.execute(number.where(there, unfinished())).scalar_one()
        failed = connection.execute(number.where(here, failed_here(shadow))).scalar_one()
        if differences(connection, shadow):
            raise InputError(f"{name!r} has changed in this moment. Try again.")
        if left:
            raise InputError(f"It cannot be swapped in yet: {_documents(left)} of it not ready. Wait until all are.")
        if busy:
            raise InputError(f"In {name!r} itself {_documents(busy)} not ready. Wait until all are, then swap.")
        if failed and not without_failed:
            raise InputError(
                f"{_documents(failed)} failed in the new version of {name!r}. Retry, or swap without failed ones: they "
                "are not searched then until they are retried."
            )

    def abandon(self, shadow: Collection) -> None:
        """Discard a shadow: from now on nobody works on it. What it has is to be cleared. Raises NotFoundError if there
        is none any more, as when it was swapped in."""
        with self.write() as connection:
            there = sql.and_(collections.c.id == shadow.id, collections.c.shadow_of == shadow.shadow_of)
            if connection.execute(collections.update().where(there).values(shadow_of=ABANDONED)).rowcount == 0:
                raise NotFoundError("It has been discarded, or swapped in, already.")
            gone = {"state": State.DELETING.value, "was": "", "deleted_at": ""}
            connection.execute(documents.update().where(documents.c.collection_id == shadow.id).values(gone))

    def empty_abandoned(self, abandoned: Collection) -> None:
        """Remove what the documents of an abandoned collection say, a few at a time: others want to write too."""
        mine = sql.select(documents.c.id).where(documents.c.collection_id == abandoned.id)
        with self.read() as connection:
            ids = connection.execute(mine).scalars().all()
        for first in range(0, len(ids), AT_ONCE):
            some = ids[first : first + AT_ONCE]
            with self.write() as connection:
                for table in (*OF_A_DOCUMENT, overlays):
                    those = table.c.collection_id == abandoned.id, table.c.document_id.in_(some)
                    connection.execute(table.delete().where(*those))
        with self.write() as connection:
            connection.execute(overlays.delete().where(overlays.c.collection_id == abandoned.id))

    def abandoned(self) -> list[Collection]:
        """Hidden collections that nobody needs any more, also those of a collection that has been deleted."""
        alive = collections.alias()
        there = sql.exists().where(alive.c.id == collections.c.shadow_of)
        return self.counted_where(sql.and_(collections.c.shadow_of != "", sql.not_(there)))


def _again(was: str) -> str:
    return was if was == State.FAILED.value else State.QUEUED.value


def _documents(number: int) -> str:
    return f"{number:,} documents are" if number != 1 else "1 document is"
