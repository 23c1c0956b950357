"""The file of traces: what was done for each question, to be looked at, and which of it MLflow has not been told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sql

from rag.catalog import Database
from rag.records import Trace
from rag.traces.tables import FORGET, HERE, MIGRATIONS, SENT, WAITING, to_trace, trace_row, traces

MOST_WAITING = 20_000
"""If MLflow is away for so long that more wait, the oldest stay here only."""


class NewTrace(NamedTuple):
    """A trace to be kept; whether MLflow is told is `send`."""

    trace: Trace
    turn: str = ""
    send: bool = True


class Unsent(NamedTuple):
    """What MLflow is to be told: a trace, again with what its reader thinks of it if it has a `mlflow_id`; or that one
    is to be `forgotten`. `tries` were made before, so it may be there although its id is not known."""

    id: str
    mlflow_id: str
    tries: int
    trace: Trace | None

    @property
    def forgotten(self) -> bool:
        return self.trace is None


class Traces(Database):
    """One file of traces. Build once and share."""

    migrations = MIGRATIONS
    called = "file of traces"
    wipes = True

    def add(self, given: Sequence[NewTrace], kept: int) -> None:
        """Keep traces, in the place of earlier ones of the same turns, and of all of them the last `kept`. MLflow keeps
        no others: who deletes a conversation later could not have them deleted there any more."""
        with self.write() as connection:
            for one in given:
                if one.turn:
                    _forget(connection, traces.c.turn == one.turn, traces.c.owner == one.trace.owner)
                row = trace_row(one.trace, one.turn, WAITING if one.send else HERE)
                connection.execute(traces.insert().values(row))
            newest = sql.select(traces.c.id).where(traces.c.state != FORGET).order_by(traces.c.at.desc())
            waiting = newest.where(traces.c.state == WAITING).limit(-1).offset(MOST_WAITING)
            stays = traces.update().where(traces.c.id.in_(waiting.scalar_subquery()))
            connection.execute(stays.values(state=HERE))
            over = newest.limit(-1).offset(kept).scalar_subquery()
            _forget(connection, traces.c.id.in_(over), traces.c.state.in_((HERE, SENT)))

    def one(self, trace: str) -> Trace | None:
        """A trace by its id."""
        with self.read() as connection:
            row = connection.execute(traces.select().where(traces.c.id == trace, traces.c.state != FORGET)).mappings()
            found = row.one_or_none()
        return to_trace(found) if found else None

    def turn_of(self, trace: str) -> str:
        """The turn of a conversation that a trace is of; empty if it is of none."""
        query = sql.select(traces.c.turn).where(traces.c.id == trace, traces.c.state != FORGET)
        with self.read() as connection:
            return str(connection.execute(query).scalar() or "")

    def listed(
        self,
        owner: str | None = None,
        at_least: float = 0.0,
        abstained: bool | None = None,
        failed: bool | None = None,
        value: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Trace]:
        """The traces of an owner or of all, the last first, that took at least so many seconds, and that are so."""
        query = traces.select().where(traces.c.state != FORGET, traces.c.seconds >= at_least)
        wanted = {"owner": owner, "abstained": abstained, "failed": failed, "value": value}
        for name, given in wanted.items():
            query = query if given is None else query.where(traces.c[name] == given)
        query = query.order_by(traces.c.at.desc()).limit(limit).offset(offset)
        with self.read() as connection:
            return [to_trace(row) for row in connection.execute(query).mappings()]

    def judge(self, turn: str, owner: str, value: int, note: str) -> None:
        """Note what a reader thinks of a turn's answer; where MLflow has its trace, it is to be told."""
        told = sql.case((traces.c.state == SENT, WAITING), else_=traces.c.state)
        of_turn = traces.update().where(traces.c.turn == turn, traces.c.owner == owner, traces.c.state != FORGET)
        with self.write() as connection:
            connection.execute(of_turn.values(value=value, note=note, state=told, due=0.0))
        self.empty_log()

    def forget(self, owner: str, turns: Sequence[str]) -> None:
        """Remove the traces of an owner's turns, here at once, and where MLflow may have them soon."""
        with self.write() as connection:
            gone = _forget(connection, traces.c.owner == owner, traces.c.turn.in_(list(turns)))
        if gone:
            self.empty_log()

    def erase(self) -> None:
        """Remove all of them, here at once, and where MLflow may have them soon."""
        with self.write() as connection:
            _forget(connection)
        self.shrink()

    def forgotten(self) -> None:
        """Note that MLflow has none of those any more that it was to forget."""
        with self.write() as connection:
            connection.execute(traces.delete().where(traces.c.state == FORGET))

    # -- what MLflow is to be told ---------------------------------------------------------------------

    def waiting(self) -> int:
        """How many wait."""
        query = sql.select(sql.func.count()).select_from(traces).where(traces.c.state.in_((WAITING, FORGET)))
        with self.read() as connection:
            return int(connection.execute(query).scalar_one())

    def due(self) -> int:
        """How many of them are due now."""
        due = (traces.c.state.in_((WAITING, FORGET)), traces.c.due <= time.time())
        with self.read() as connection:
            return int(connection.execute(sql.select(sql.func.count()).select_from(traces).where(*due)).scalar_one())

    def problem(self) -> str:
        """Why the last that could not be sent could not."""
        query = sql.select(traces.c.problem).where(traces.c.state.in_((WAITING, FORGET)), traces.c.problem != "")
        with self.read() as connection:
            return str(connection.execute(query.order_by(traces.c.due.desc()).limit(1)).scalar() or "")

    def next_unsent(self) -> Unsent | None:
        """The one that has waited longest of those that are due; a try is counted."""
        due = (traces.c.state.in_((WAITING, FORGET)), traces.c.due <= time.time())
        query = traces.select().where(*due).order_by(traces.c.due, traces.c.at).limit(1)
        with self.write() as connection:
            row = connection.execute(query).mappings().one_or_none()
            if row is None:
                return None
            connection.execute(traces.update().where(traces.c.id == row["id"]).values(tries=row["tries"] + 1))
        trace = None if row["state"] == FORGET else to_trace(row)
        return Unsent(row["id"], row["mlflow_id"], row["tries"], trace)

    def sent(self, one: Unsent, mlflow_id: str) -> None:
        """Note that MLflow knows. What a reader has deleted, or thought anew, meanwhile, waits again."""
        mine = traces.c.id == one.id
        with self.write() as connection:
            if one.trace is None:
                connection.execute(traces.delete().where(mine, traces.c.state == FORGET))
                return
            connection.execute(traces.update().where(mine).values(mlflow_id=mlflow_id, problem=""))
            same = (mine, traces.c.state == WAITING, traces.c.value == one.trace.value, traces.c.note == one.trace.note)
            connection.execute(traces.update().where(*same).values(state=SENT, tries=0))

    def failed(self, one: Unsent, problem: str, seconds: float) -> None:
        """Note why it could not be sent; it is due again in so many seconds."""
        values = {"problem": problem, "due": time.time() + seconds}
        with self.write() as connection:
            connection.execute(traces.update().where(traces.c.id == one.id).values(values))


def _forget(connection: sql.Connection, *which: sql.ColumnElement[bool]) -> int:
    """Remove traces; of those that may have been sent only the ids are left, until they are removed there."""
    never_sent = (traces.c.mlflow_id == "", traces.c.tries == 0)
    gone = connection.execute(traces.delete().where(*which, *never_sent)).rowcount
    empty = {"state": FORGET, "body": "{}", "note": "", "turn": "", "due": 0.0, "problem": ""}
    return gone + connection.execute(traces.update().where(*which, traces.c.state != FORGET).values(empty)).rowcount
