"""What MLflow is still to be told: written in the same transaction as what it is about, so that nothing is lost."""

from __future__ import annotations

import sqlalchemy as sql

from rag.catalog import Database
from rag.experiments.tables import now, outbox, promotions, question_sets, runs, storable, studies, to_outgoing
from rag.records import Outgoing


def sent(connection: sql.Connection, kind: str, key: str) -> None:
    """Have it told, with what is there when it is; within the caller's transaction."""
    row = {"kind": kind, "key": key, "state": "queued", "tries": 0, "last_error": "", "at": now()}
    connection.execute(outbox.delete().where(outbox.c.kind == kind, outbox.c.key == key))
    connection.execute(outbox.insert().values(row))


class Outbox(Database):
    """A queue. What was told leaves it; what could not be told stays, with the reason."""

    def queue_export(self, kind: str, key: str) -> None:
        """Have something told (again)."""
        with self.write() as connection:
            sent(connection, kind, key)

    def to_export(self, limit: int = 100, most_tries: int = 5) -> list[Outgoing]:
        """What is to be told, oldest first, unless it failed so many times."""
        query = sql.select(outbox).where(outbox.c.tries < most_tries).order_by(outbox.c.id).limit(limit)
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
        """It could not be told."""
        failed = outbox.update().where(outbox.c.id == one.id)
        with self.write() as connection:
            connection.execute(failed.values(state="failed", tries=outbox.c.tries + 1, last_error=storable(error)))

    def retry_exports(self) -> int:
        """Try again what failed too often. How much that is."""
        again = outbox.update().where(outbox.c.state == "failed").values(state="queued", tries=0)
        with self.write() as connection:
            return connection.execute(again).rowcount

    def set_mlflow_id(self, kind: str, key: str, mlflow_id: str) -> None:
        """Keep what it is called in MLflow. `kind` is study, run, set (key: its version) or promotion (its number)."""
        tables = {"study": studies.c.id, "run": runs.c.id, "set": question_sets.c.version}
        column = promotions.c.number if kind == "promotion" else tables[kind]
        table = column.table
        with self.write() as connection:
            connection.execute(sql.update(table).where(column == key).values(mlflow_id=mlflow_id))
