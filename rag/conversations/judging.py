"""What readers think of answers and sources, and the evaluation set that is made of it on request."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import sqlalchemy as sql

from rag.catalog import Database
from rag.conversations.tables import (
    evaluation_row,
    evaluation_rows,
    feedback,
    feedback_row,
    to_evaluation_row,
    to_feedback,
)
from rag.records import EvaluationRow, Feedback


class Judging(Database):
    """Feedback goes with its conversation; the evaluation set stays."""

    def judge(self, conversation: str, given: Feedback) -> Feedback:
        """Keep what was thought, instead of what was thought before of the same; with value 0, nothing."""
        same = (feedback.c.turn_id == given.turn, feedback.c.chunk_id == given.chunk)
        now = datetime.now(UTC)
        with self.write() as connection:
            connection.execute(feedback.delete().where(*same))
            if given.value:
                connection.execute(feedback.insert().values(feedback_row(given, conversation, now.isoformat())))
            _retell(connection, given.turn)
        return replace(given, at=now)

    def feedback(self, owner: str | None = None, conversation: str | None = None) -> list[Feedback]:
        """What was thought, oldest first: by an owner or by all, on one conversation or on all."""
        query = sql.select(feedback).order_by(feedback.c.at)
        query = query if owner is None else query.where(feedback.c.owner == owner)
        query = query if conversation is None else query.where(feedback.c.conversation_id == conversation)
        with self.read() as connection:
            return [to_feedback(row) for row in connection.execute(query).mappings()]

    def add_row(self, given: EvaluationRow) -> EvaluationRow:
        """Put a row into the evaluation set, instead of the one of the same turn, with what was thought of the turn."""
        row = evaluation_row(given, datetime.now(UTC).isoformat()) | {
            "verdict": 0,
            "note": "",
            "relevant": "[]",
            "not_relevant": "[]",
        }
        with self.write() as connection:
            connection.execute(evaluation_rows.insert().prefix_with("OR REPLACE").values(row))
            _retell(connection, given.turn)
            mine = evaluation_rows.select().where(evaluation_rows.c.turn_id == given.turn)
            return to_evaluation_row(connection.execute(mine).mappings().one())

    def remove_row(self, owner: str, turn: str) -> None:
        """Take a turn's row out of the evaluation set."""
        mine = (evaluation_rows.c.turn_id == turn, evaluation_rows.c.owner == owner)
        with self.write() as connection:
            connection.execute(evaluation_rows.delete().where(*mine))
        self.empty_log()

    def rows(self, owner: str | None = None, turns: list[str] | None = None) -> list[EvaluationRow]:
        """The evaluation set, oldest first: that of an owner or of all, of some turns or of all."""
        query = sql.select(evaluation_rows).order_by(evaluation_rows.c.added_at)
        query = query if owner is None else query.where(evaluation_rows.c.owner == owner)
        query = query if turns is None else query.where(evaluation_rows.c.turn_id.in_(turns))
        with self.read() as connection:
            return [to_evaluation_row(row) for row in connection.execute(query).mappings()]


def _retell(connection: sql.Connection, turn: str) -> None:
    """Write down in the turn's row of the evaluation set, if it has one, what is thought of the turn now."""
    mine = sql.select(feedback.c.chunk_id, feedback.c.value, feedback.c.note).where(feedback.c.turn_id == turn)
    thought = connection.execute(mine.order_by(feedback.c.at)).all()
    verdict, note = next(((one.value, one.note) for one in thought if not one.chunk_id), (0, ""))
    relevant, not_relevant = (
        json.dumps([one.chunk_id for one in thought if one.chunk_id and one.value == value]) for value in (1, -1)
    )
    told = evaluation_rows.update().where(evaluation_rows.c.turn_id == turn)
    connection.execute(told.values(verdict=verdict, note=note, relevant=relevant, not_relevant=not_relevant))
