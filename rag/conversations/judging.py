"""What readers think of answers and sources, and the evaluation set that is made of it on request."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import sqlalchemy as sql

from rag.catalog import Database
from rag.conversations.tables import (
    conversations,
    evaluation_row,
    evaluation_rows,
    feedback,
    feedback_row,
    messages,
    to_evaluation_row,
    to_feedback,
)
from rag.errors import NotFoundError
from rag.records import EvaluationRow, Feedback


class Judging(Database):
    """Feedback goes with its conversation; the evaluation set stays."""

    def judge(self, conversation: str, given: Feedback) -> Feedback:
        """Keep what was thought, instead of what was thought before of the same, of which nothing is left on the disk;
        with value 0, nothing. Raises NotFoundError if the turn is not one of the owner's in this conversation."""
        same = (feedback.c.owner == given.owner, feedback.c.turn_id == given.turn, feedback.c.chunk_id == given.chunk)
        now = datetime.now(UTC)
        with self.write() as connection:
            if not _is_theirs(connection, given.owner, given.turn, conversation):
                raise NotFoundError("This answer is not kept any more: it has been deleted, or is somebody else's.")
            replaced = connection.execute(feedback.delete().where(*same)).rowcount
            if given.value:
                connection.execute(feedback.insert().values(feedback_row(given, conversation, now.isoformat())))
            _retell(connection, given.owner, given.turn)
        if replaced:
            self.empty_log()
        return replace(given, at=now)

    def feedback(self, owner: str | None = None, conversation: str | None = None) -> list[Feedback]:
        """What was thought, oldest first: by an owner or by all, on one conversation or on all."""
        query = sql.select(feedback).order_by(feedback.c.at)
        query = query if owner is None else query.where(feedback.c.owner == owner)
        query = query if conversation is None else query.where(feedback.c.conversation_id == conversation)
        with self.read() as connection:
            return [to_feedback(row) for row in connection.execute(query).mappings()]

    def add_row(self, given: EvaluationRow) -> EvaluationRow:
        """Put a row into the evaluation set, instead of the owner's of the same turn, with what they thought of it.
        Raises NotFoundError if the turn is none of theirs."""
        row = evaluation_row(given, datetime.now(UTC).isoformat()) | {
            "verdict": 0,
            "note": "",
            "relevant": "[]",
            "not_relevant": "[]",
        }
        mine = evaluation_rows.select().where(*_row_of(given.owner, given.turn))
        with self.write() as connection:
            there = connection.execute(mine).first()  # a row outlives its conversation
            if not there and not _is_theirs(connection, given.owner, given.turn):
                raise NotFoundError(
                    "This question is not kept any more, or is somebody else's. Ask it again to add it."
                )
            connection.execute(evaluation_rows.insert().prefix_with("OR REPLACE").values(row))
            _retell(connection, given.owner, given.turn)
            return to_evaluation_row(connection.execute(mine).mappings().one())

    def remove_row(self, owner: str, turn: str) -> None:
        """Take a turn's row out of the evaluation set."""
        with self.write() as connection:
            connection.execute(evaluation_rows.delete().where(*_row_of(owner, turn)))
        self.empty_log()

    def rows(self, owner: str | None = None, turns: list[str] | None = None) -> list[EvaluationRow]:
        """The evaluation set, oldest first: that of an owner or of all, of some turns or of all."""
        query = sql.select(evaluation_rows).order_by(evaluation_rows.c.added_at)
        query = query if owner is None else query.where(evaluation_rows.c.owner == owner)
        query = query if turns is None else query.where(evaluation_rows.c.turn_id.in_(turns))
        with self.read() as connection:
            return [to_evaluation_row(row) for row in connection.execute(query).mappings()]


def _row_of(owner: str, turn: str) -> tuple[sql.ColumnElement[bool], sql.ColumnElement[bool]]:
    return evaluation_rows.c.owner == owner, evaluation_rows.c.turn_id == turn


def _is_theirs(connection: sql.Connection, owner: str, turn: str, conversation: str | None = None) -> bool:
    """Whether a turn is in a conversation of this owner, and in this one."""
    query = sql.select(messages.c.id).join(conversations, conversations.c.id == messages.c.session_id)
    query = query.where(conversations.c.owner == owner, messages.c.turn_id == turn)
    query = query if conversation is None else query.where(conversations.c.id == conversation)
    return connection.execute(query.limit(1)).first() is not None


def _retell(connection: sql.Connection, owner: str, turn: str) -> None:
    """Write down in the owner's row of a turn, if there is one, what they think of the turn now."""
    mine = sql.select(feedback.c.chunk_id, feedback.c.value, feedback.c.note)
    mine = mine.where(feedback.c.owner == owner, feedback.c.turn_id == turn)
    thought = connection.execute(mine.order_by(feedback.c.at)).all()
    verdict, note = next(((one.value, one.note) for one in thought if not one.chunk_id), (0, ""))
    relevant, not_relevant = (
        json.dumps([one.chunk_id for one in thought if one.chunk_id and one.value == value]) for value in (1, -1)
    )
    told = evaluation_rows.update().where(*_row_of(owner, turn))
    connection.execute(told.values(verdict=verdict, note=note, relevant=relevant, not_relevant=not_relevant))
