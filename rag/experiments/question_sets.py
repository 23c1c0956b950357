"""Question sets in their file: each by its name, in the versions that there were of it."""

from __future__ import annotations

import json
from dataclasses import asdict

import sqlalchemy as sql

from rag.catalog import Database
from rag.errors import NotFoundError
from rag.experiments.tables import as_json, now, question_rows, question_sets, studies, to_gold, to_set
from rag.records import KeptSet, QuestionSet


class QuestionSets(Database):
    """What is asked in studies. A version is never changed, only another one made."""

    def keep_set(self, given: QuestionSet) -> KeptSet:
        """Keep a set; a version that is there under this name already becomes its newest."""
        rows = as_json([asdict(one) for one in given.questions])
        mine = (question_sets.c.name == given.name, question_sets.c.version == given.version)
        with self.write() as connection:
            connection.exec_driver_sql("INSERT OR IGNORE INTO question_rows VALUES (?, ?)", (given.version, rows))
            before = connection.execute(sql.select(question_sets).where(*mine)).mappings().first()
            connection.execute(question_sets.delete().where(*mine))
            row = {"name": given.name, "version": given.version, "questions": len(given.questions)}
            row |= {"created_at": now(), "mlflow_id": before["mlflow_id"] if before else ""}
            connection.execute(question_sets.insert().values(row))
        return self._kept(given.name, given.version)

    def sets(self) -> list[KeptSet]:
        """All versions of all sets, newest first."""
        query = sql.select(question_sets).order_by(question_sets.c.number.desc())
        with self.read() as connection:
            return [to_set(row) for row in connection.execute(query).mappings()]

    def question_set(self, name: str, version: str = "") -> QuestionSet:
        """A set with its questions, in its newest version unless another one is named. Raises NotFoundError."""
        return self.questions_of(self._kept(name, version).version, name)

    def remove_set(self, name: str) -> None:
        """Remove a set in all its versions; the questions of those that a study asked are kept with it.
        Raises NotFoundError."""
        asked = sql.select(studies.c.set_version).union(sql.select(question_sets.c.version))
        with self.write() as connection:
            if not connection.execute(question_sets.delete().where(question_sets.c.name == name)).rowcount:
                raise NotFoundError(f"There is no question set called {name!r}.")
            connection.execute(question_rows.delete().where(question_rows.c.version.not_in(asked)))

    def questions_of(self, version: str, name: str = "") -> QuestionSet:
        """The questions of a version that a study asked, whether or not its set is still there.
        Raises NotFoundError."""
        query = sql.select(question_rows.c.rows).where(question_rows.c.version == version)
        with self.read() as connection:
            rows = connection.execute(query).scalar_one_or_none()
        if rows is None:
            raise NotFoundError(f"The version {version} of the question set {name!r} is not kept.")
        return QuestionSet(name, tuple(map(to_gold, json.loads(rows))))

    def has_questions(self, version: str) -> bool:
        """Whether the questions of a version are kept, under whichever name."""
        query = sql.select(question_rows.c.version).where(question_rows.c.version == version)
        with self.read() as connection:
            return connection.execute(query).first() is not None

    def _kept(self, name: str, version: str) -> KeptSet:
        query = sql.select(question_sets).where(question_sets.c.name == name)
        query = query.where(question_sets.c.version == version) if version else query
        with self.read() as connection:
            row = connection.execute(query.order_by(question_sets.c.number.desc()).limit(1)).mappings().first()
        if row is None:
            which = f"There is no question set called {name!r}" + (f" in the version {version}" if version else "")
            raise NotFoundError(f"{which}. Upload one on the Experiments page, or choose another.")
        return to_set(row)
