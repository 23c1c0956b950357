"""In what a shadow's documents differ from those of the collection that it shadows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sql

from rag.catalog.keys import served
from rag.catalog.tables import collections, documents, overlays
from rag.records import VISIBLE, Collection, State

ABANDONED = "nothing"
"""What a hidden collection that nobody needs any more is the shadow of: no collection has that for an id."""
TAKEN = ("name", "title", "date", "tags", "added_at", "edited")
"""What is the same of a document here and there. Whoever is queued anew there has another `added_at` than before."""


@dataclass(frozen=True, slots=True)
class Followed:
    """Ids of documents that are missing in a shadow, that are otherwise, or that are not to be there any more."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.added) + len(self.changed) + len(self.gone)


def differences(connection: sql.Connection, shadow: Collection) -> Followed:
    """What a shadow is behind in, within the caller's transaction."""
    there, here = documents.alias("there"), documents.alias("here")
    deleted, failed = State.DELETING.value, State.FAILED.value
    # One that is still being read is not yet what it will be.
    settled = sql.or_(there.c.state.in_([one.value for one in VISIBLE]), there.c.state == failed, served(there))
    unlike = sql.or_(*(there.c[name] != here.c[name] for name in TAKEN))
    brought_back = here.c.state == deleted
    fails_now = sql.and_(there.c.state == failed, here.c.state != failed)
    differs = sql.or_(here.c.id.is_(None), brought_back, fails_now, sql.and_(settled, unlike))
    theirs = _side_by_side(there, here, shadow.shadow_of, shadow.id).where(there.c.state != deleted, differs)
    lacking = sql.or_(there.c.id.is_(None), there.c.state == deleted)
    mine = _side_by_side(here, there, shadow.id, shadow.shadow_of).where(here.c.state != deleted, lacking)
    found = connection.execute(theirs).all()
    return Followed(
        tuple(row[0] for row in found if row[1] is None),
        tuple({row[0]: None for row in found if row[1] is not None} | _edited(connection, shadow)),
        tuple(row[0] for row in connection.execute(mine)),
    )


def _side_by_side(one: Any, other: Any, owner: str, others: str) -> sql.Select[Any]:
    """The documents of a collection, each with the same one of another if that has it."""
    same = sql.and_(other.c.collection_id == others, other.c.id == one.c.id)
    return sql.select(one.c.id, other.c.id).select_from(one.outerjoin(other, same)).where(one.c.collection_id == owner)


def _edited(connection: sql.Connection, shadow: Collection) -> dict[str, None]:
    """Documents that are in both, and of which other passages were edited there than here."""
    there, here = (_overlays(one) for one in (shadow.shadow_of, shadow.id))
    either = documents.c.collection_id.in_((shadow.id, shadow.shadow_of)), documents.c.state != State.DELETING.value
    in_both = sql.select(documents.c.id).where(*either).group_by(documents.c.id).having(sql.func.count() == 2)
    found: dict[str, None] = {}
    for one, other in ((there, here), (here, there)):
        unlike = one.except_(other).subquery()
        query = sql.select(unlike.c.document_id).distinct().where(unlike.c.document_id.in_(in_both))
        found |= dict.fromkeys(connection.execute(query).scalars())
    return found


def _overlays(owner: str) -> sql.Select[Any]:
    """What tells whether a collection's passages are edited as another's: each edit has its moment."""
    c = overlays.c
    return sql.select(c.document_id, c.chunk_id, c.edited_at, c.state).where(c.collection_id == owner)


def failed_here(shadow: Collection) -> sql.ColumnElement[bool]:
    """Whether a document of a shadow has failed that is shown in what it shadows."""
    there = documents.alias()
    shown = sql.exists().where(
        there.c.collection_id == shadow.shadow_of,
        there.c.id == documents.c.id,
        there.c.state != State.FAILED.value,
        there.c.state != State.DELETING.value,
    )
    return sql.and_(documents.c.state == State.FAILED.value, shown)


def row_of(connection: sql.Connection, condition: sql.ColumnElement[bool]) -> sql.RowMapping | None:
    """The one collection for which a condition holds."""
    return connection.execute(sql.select(collections).where(condition)).mappings().one_or_none()
