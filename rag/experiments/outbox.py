"""What MLflow is still to be told: written in the same transaction as what it is about, so that nothing is lost."""

from __future__ import annotations

import time

import sqlalchemy as sql

from rag.catalog import Database
from rag.experiments.tables import now, outbox, promotions, question_sets, runs, storable, studies, to_outgoing
from rag.records import Outgoing

LONGEST_PAUSE = 24 * 3600.0
"""Between two tries of what MLflow refuses."""


def sent(connection: sql.Connection, kind: str, key: str) -> None:
    """Have it told, with what is there when it is; within the caller's transaction."""
    row = {"kind": kind, "key": key, "state": "queued", "tries": 0, "last_error": "", "at": now(), "due": 0.0}
    connection.execute(outbox.delete().where(outbox.c.kind == kind, outbox.c.key == key))
    connection.execute(outbox.insert().values(row))


class Outbox(Database):
    """A queue. What was told leaves it; what could not be told stays, however often it was tried, with the reason. That
    MLflow is away is no try: what it refuses stands behind all that it has not refused, and is due later and later."""

    def queue_export(self, kind: str, key: str) -> None:
        """Have something told (again)."""
        with self.write() as connection:
            sent(connection, kind, key)

    def to_export(self) -> list[Outgoing]:
        """What is due to be told: what was tried least first, then the oldest."""
        query = sql.select(outbox).where(outbox.c.due <= time.time()).order_by(outbox.c.tries, outbox.c.id)
        with self.read() as connection:
            return [to_outgoing(row) for row in connection.execute(query).mappings()]

    def unexported(self) -> list[Outgoing]:
        """All that has not been told, for whatever reason, oldest first."""
        with self.read() as connection:
            query = sql.select(outbox).order_by(outbox.c.id)
            return [to_outgoing(row) for row in connection.execute(query).mappings()]

    def exported(self, one: Outgoing) -> None:
        """It was told: it leaves the queue, unless it has changed and was queued anew meanwhile."""
        with self.write() as connection:
            connection.execute(outbox.delete().where(outbox.c.id == one.id))

    def export_failed(self, one: Outgoing, error: str) -> None:
        """It was refused, and is due again after a pause: 5 seconds, then twice as long each time, up to a day."""
        failed = outbox.update().where(outbox.c.id == one.id)
        due = time.time() + min(LONGEST_PAUSE, 5.0 * 2.0 ** min(one.tries, 20))
        values = {"state": "failed", "tries": outbox.c.tries + 1, "last_error": storable(error), "due": due}
        with self.write() as connection:
            connection.execute(failed.values(values))

    def retry_exports(self) -> int:
        """Let what was refused be due now. How much that is."""
        again = outbox.update().where(outbox.c.state == "failed").values(state="queued", due=0.0)
        with self.write() as connection:
            return connection.execute(again).rowcount

    def set_mlflow_id(self, kind: str, key: str, mlflow_id: str) -> None:
        """Keep what it is called in MLflow. `kind` is study, run, set (key: its version) or promotion (its number)."""
        tables = {"study": studies.c.id, "run": runs.c.id, "set": question_sets.c.version}
        column = promotions.c.number if kind == "promotion" else tables[kind]
        table = column.table
        with self.write() as connection:
            connection.execute(sql.update(table).where(column == key).values(mlflow_id=mlflow_id))
