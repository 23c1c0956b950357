"""In what a shadow's documents differ from those of the collection that it shadows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sql

from rag.catalog.tables import documents, overlays
from rag.records import VISIBLE, Collection, State

_LIKE = [one for one in documents.c if one.name in ("added_at", "name", "title", "date", "tags", "edited")]
"""What must be the same here and there. Whoever is queued anew there has another `added_at` than before."""


@dataclass(frozen=True, slots=True)
class Followed:
    """Ids of documents that are missing in a shadow, that are otherwise, or that are not to be there any more. False if
    there are none."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.gone)


def differences(connection: sql.Connection, shadow: Collection) -> Followed:
    """What a shadow is behind in, within the caller's transaction."""
    there, here = _rows(connection, shadow.shadow_of), _rows(connection, shadow.id)
    edits, edited = _overlays(connection, shadow.shadow_of), _overlays(connection, shadow.id)
    wanted = {one: row for one, row in there.items() if row.state != State.DELETING.value}

    def differs(one: str) -> bool:
        row, mine = wanted[one], here[one]
        if mine.state == State.DELETING.value:  # deleted there, and brought back
            return True
        if (row.state == State.FAILED.value) > (mine.state == State.FAILED.value):
            return True
        settled = row.served or row.state in (*VISIBLE, State.FAILED)  # else it is still being found out what it is
        return settled and (_likeness(row) != _likeness(mine) or edits.get(one) != edited.get(one))

    return Followed(
        tuple(one for one in wanted if one not in here),
        tuple(one for one in wanted if one in here and differs(one)),
        tuple(one for one, row in here.items() if one not in wanted and row.state != State.DELETING.value),
    )


def _rows(connection: sql.Connection, owner: str) -> dict[str, Any]:
    query = sql.select(documents.c.id, documents.c.state, documents.c.served, *_LIKE)
    return {row.id: row for row in connection.execute(query.where(documents.c.collection_id == owner))}


def _likeness(row: Any) -> tuple[Any, ...]:
    return tuple(row[3:])


def _overlays(connection: sql.Connection, owner: str) -> dict[str, set[tuple[Any, ...]]]:
    found: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
    columns = [one for one in overlays.c if one.name != "collection_id"]
    for row in connection.execute(sql.select(*columns).where(overlays.c.collection_id == owner)):
        found[row.document_id].add(tuple(row))
    return found
