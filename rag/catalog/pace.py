"""How much work is waiting, and how fast this machine has done such work so far."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sql

from rag.catalog.database import Database
from rag.catalog.keys import listed, unfinished
from rag.catalog.tables import documents, speeds
from rag.records import VISIBLE, Failure, State

KEPT_OF_SPEEDS = 0.9
"""What an older measurement of a speed still counts for beside the next one."""


@dataclass(frozen=True, slots=True)
class Load:
    """Documents of one state in the running batch.

    `chunks` are those of documents that were read, of which `done` have vectors. The other fields are for estimates:
    bytes and chunks of documents without scanned pages; of those with scanned pages that are not cut yet, all
    `pages_to_cut`; and the pages that OCR has read and has still to read.
    """

    documents: int = 0
    cancelled: int = 0
    chunks: int = 0
    done: int = 0
    text_bytes: int = 0
    text_chunks: int = 0
    pages_to_cut: int = 0
    ocr_done: int = 0
    ocr_left: int = 0


class Pace(Database):
    """Loads and speeds."""

    def loads(self) -> dict[State, Load]:
        """What the batch that is being worked on has in each state, collections in the making left out; nothing if
        all is done."""
        current = sql.select(sql.func.max(documents.c.batch)).where(unfinished(), listed()).scalar_subquery()
        query = (
            sql.select(documents.c.state, *(sql.func.sum(one) for one in _load()))
            .where(documents.c.batch == current, listed())
            .group_by(documents.c.state)
        )
        with self.read() as connection:
            return {State(row[0]): Load(*row[1:]) for row in connection.execute(query)}

    def note_speed(self, stage: str, units: float, seconds: float) -> None:
        """Add a measurement to the speed of a stage; older ones fade."""
        with self.write() as connection:
            row = connection.execute(sql.select(speeds).where(speeds.c.stage == stage)).one_or_none()
            before = (row.units * KEPT_OF_SPEEDS, row.seconds * KEPT_OF_SPEEDS) if row else (0.0, 0.0)
            values = {"stage": stage, "units": before[0] + units, "seconds": before[1] + seconds}
            connection.execute(speeds.insert().prefix_with("OR REPLACE").values(values))

    def speeds(self) -> dict[str, float]:
        """Units a second by stage, as measured on this machine."""
        with self.read() as connection:
            return {row.stage: row.units / row.seconds for row in connection.execute(sql.select(speeds)) if row.seconds}


def _load() -> tuple[sql.ColumnElement[int], ...]:
    """What a document adds to each field of a Load."""
    c = documents.c
    unread = c.state.in_((State.QUEUED.value, State.INDEXING.value))
    scanning = sql.and_(c.state == State.INDEXING.value, c.stage.in_(("ocr", "waiting")))
    read_before = sql.and_(unread, c.ocr_pages > 0)
    picture = sql.and_(unread, c.media_type.startswith("image/"))  # of one page, for all that is known
    scan = sql.or_(scanning, picture, c.ocr_pages > 0)
    cut = c.state.in_([state.value for state in VISIBLE])
    return (
        sql.literal(1),
        sql.case((c.failure == Failure.CANCELLED.value, 1), else_=0),
        c.chunks,
        sql.case((c.stage.in_(("embedding", "storing")), c.done), else_=0),
        sql.case((scan, 0), else_=c.bytes),
        sql.case((scan, 0), else_=c.chunks),
        sql.case((sql.or_(scanning, read_before), c.pages), (picture, 1), else_=0),
        sql.case((scanning, c.done), (cut, c.ocr_pages), else_=0),
        sql.case((scanning, c.total - c.done), (read_before, 0), (picture, 1), else_=0),
    )
