"""Studies and their runs in their file: queued, worked off, cancelled, taken up again."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sql

from rag.catalog import Database
from rag.errors import NotFoundError
from rag.experiments.outbox import sent
from rag.experiments.tables import (
    RUN_COLUMNS,
    as_json,
    now,
    run_row,
    runs,
    scored,
    storable,
    studies,
    study_row,
    to_runs,
)
from rag.experiments.tables import to_study as record
from rag.records import Run, RunState, Study

OPEN = (RunState.QUEUED.value, RunState.RUNNING.value)


class Studies(Database):
    """Several runs over the same questions. Safe to use from threads and processes."""

    def add_study(self, study: Study) -> None:
        """Keep a study with its runs, as they are."""
        with self.write() as connection:
            connection.execute(studies.insert().values(study_row(study)))
            if study.runs:
                connection.execute(runs.insert(), [run_row(one) for one in study.runs])

    def studies(self) -> list[Study]:
        """All of them without their runs, newest first."""
        query = sql.select(studies).order_by(studies.c.number.desc())
        with self.read() as connection:
            return [record(row) for row in connection.execute(query).mappings()]

    def study(self, study: str) -> Study:
        """One with its runs. Raises NotFoundError."""
        with self.read() as connection:
            row = connection.execute(sql.select(studies).where(studies.c.id == study)).mappings().first()
            if row is None:
                raise NotFoundError("This study is not kept any more: it has been deleted.")
            return record(row, _runs(connection, runs.c.study == study))

    def runs(self, study: str | None = None) -> list[Run]:
        """The runs of a study in their order, or of all."""
        with self.read() as connection:
            return _runs(connection, *([] if study is None else [runs.c.study == study]))

    def run(self, run: str) -> Run:
        """Raises NotFoundError."""
        with self.read() as connection:
            found = _runs(connection, runs.c.id == run)
        if not found:
            raise NotFoundError("This run is not kept any more: its study has been deleted.")
        return found[0]

    def delete_study(self, study: str) -> None:
        """Remove a study with its runs, and what they made of each question; MLflow is to be told. Raises
        NotFoundError."""
        with self.write() as connection:
            if not connection.execute(studies.delete().where(studies.c.id == study)).rowcount:
                raise NotFoundError("This study is not kept any more: it has been deleted.")
            sent(connection, "study", study)

    # -- worked off --------------------------------------------------------------------------------------------------

    def requeue(self) -> int:
        """Queue again what was being worked on when its worker ended; for the only worker there is, as it begins. How
        many studies that are."""
        again = {"state": RunState.QUEUED.value}
        with self.write() as connection:
            connection.execute(runs.update().where(runs.c.state == RunState.RUNNING.value).values(again))
            running = studies.update().where(studies.c.state == RunState.RUNNING.value).values(again)
            return connection.execute(running).rowcount

    def next_study(self) -> Study | None:
        """The one that has waited longest, now running; None if none waits."""
        waiting = sql.select(studies.c.id).where(studies.c.state == RunState.QUEUED.value)
        with self.write() as connection:
            found = connection.execute(waiting.order_by(studies.c.number).limit(1)).scalar_one_or_none()
            if found is not None:
                running = studies.update().where(studies.c.id == found)
                connection.execute(running.values(state=RunState.RUNNING.value))
        return self.study(found) if found is not None else None

    def cancel_study(self, study: str) -> None:
        """Have a study end: at once if it waits, else within moments. One that has ended stays as it is."""
        mine = studies.c.id == study
        with self.write() as connection:
            connection.execute(studies.update().where(mine, studies.c.state.in_(OPEN)).values(cancelling=True))
            waiting = sql.select(studies.c.id).where(mine, studies.c.state == RunState.QUEUED.value)
            if connection.execute(waiting).first():
                _end(connection, study, RunState.CANCELLED, "")

    def again(self, study: str) -> None:
        """Queue a study that has ended once more: its runs that have not finished go on with the questions that they
        have not done, or that failed. One that has not ended stays as it is. Raises NotFoundError."""
        ended = (RunState.FAILED.value, RunState.CANCELLED.value)
        left = sql.select(runs.c.id).where(runs.c.study == study, runs.c.state.in_(ended))
        mine = studies.update().where(studies.c.id == study, studies.c.state.in_(ended))
        self.study(study)
        with self.write() as connection:
            queued = {"state": RunState.QUEUED.value, "reason": ""}
            if connection.execute(mine.values(**queued, cancelling=False)).rowcount:
                connection.execute(scored.delete().where(scored.c.error != "", scored.c.run.in_(left)))
                connection.execute(runs.update().where(runs.c.id.in_(left)).values(queued))

    def is_cancelling(self, study: str) -> bool:
        """Whether somebody wants it to end, or has deleted it."""
        with self.read() as connection:
            query = sql.select(studies.c.cancelling).where(studies.c.id == study)
            return connection.execute(query).scalar_one_or_none() is not False

    def advance(self, study: str, done: int, total: int, doing: str = "") -> None:
        """Say how far it is, in questions of its runs, and what is being done."""
        far = {"done": done, "total": total, "reason": storable(doing)}
        with self.write() as connection:
            connection.execute(studies.update().where(studies.c.id == study).values(far))

    def begin_run(self, run: str, in_memory: bool = False) -> None:
        """Say that a run is being worked on, from now on unless it was before, and whether it searches in memory."""
        started = sql.func.coalesce(runs.c.started_at, now())
        with self.write() as connection:
            begun = runs.update().where(runs.c.id == run)
            connection.execute(begun.values(state=RunState.RUNNING.value, started_at=started, in_memory=in_memory))

    def end_run(
        self, run: str, state: RunState, metrics: Mapping[str, float], seconds: float = 0.0, reason: str = ""
    ) -> None:
        """Say how a run ended; MLflow is to be told."""
        ended = {"state": state.value, "metrics": as_json(dict(metrics)), "reason": storable(reason)}
        with self.write() as connection:
            if connection.execute(runs.update().where(runs.c.id == run).values(**ended, seconds=seconds)).rowcount:
                sent(connection, "run", run)  # else it has been deleted meanwhile

    def end_study(self, study: str, state: RunState, reason: str = "") -> None:
        """Say how a study ended; runs of it that have not ended end like it. MLflow is to be told."""
        with self.write() as connection:
            _end(connection, study, state, reason)


def _runs(connection: sql.Connection, *which: sql.ColumnElement[bool]) -> list[Run]:
    return to_runs(connection.execute(sql.select(*RUN_COLUMNS).where(*which).order_by(runs.c.number)))


def _end(connection: sql.Connection, study: str, state: RunState, reason: str) -> None:
    ended = {"state": state.value, "reason": storable(reason)}
    left = sql.select(runs.c.id).where(runs.c.study == study, runs.c.state.in_(OPEN))
    for run in connection.execute(left).scalars().all():
        connection.execute(runs.update().where(runs.c.id == run).values(ended))
        sent(connection, "run", run)
    if connection.execute(studies.update().where(studies.c.id == study).values(ended)).rowcount:
        sent(connection, "study", study)
