"""What runs made of each question, in their file: a row a run and question, read when somebody looks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import sqlalchemy as sql

from rag.catalog import Database
from rag.experiments.tables import scored, scored_row, to_scored
from rag.records import Scored


class Scores(Database):
    """Questions by their place in the set."""

    def keep_scored(self, given: Mapping[str, Sequence[Scored]]) -> None:
        """Keep what runs, by their ids, made of some questions, instead of what is there of them. What a run that has
        been deleted meanwhile made is not kept."""
        with self.write() as connection:
            for run, some in given.items():
                if some and connection.exec_driver_sql("SELECT 1 FROM runs WHERE id = ?", (run,)).first():
                    places = [one.place for one in some]
                    connection.execute(scored.delete().where(scored.c.run == run, scored.c.place.in_(places)))
                    connection.execute(scored.insert(), [scored_row(run, one) for one in some])

    def scored(self, run: str) -> list[Scored]:
        """All questions of a run, in the set's order."""
        query = sql.select(scored).where(scored.c.run == run).order_by(scored.c.place)
        with self.read() as connection:
            return [to_scored(row) for row in connection.execute(query).mappings()]

    def scored_at(self, runs: Sequence[str], place: int) -> dict[str, Scored]:
        """What some runs made of one question."""
        query = sql.select(scored).where(scored.c.run.in_(runs), scored.c.place == place)
        with self.read() as connection:
            return {row["run"]: to_scored(row) for row in connection.execute(query).mappings()}

    def places(self, run: str) -> set[int]:
        """The questions that a run has done."""
        with self.read() as connection:
            return set(connection.execute(sql.select(scored.c.place).where(scored.c.run == run)).scalars())

    def measured(self, run: str) -> dict[int, dict[str, float]]:
        """The metrics of each question of a run, by its place, without what was found and answered."""
        query = sql.select(scored.c.place, scored.c.metrics).where(scored.c.run == run).order_by(scored.c.place)
        with self.read() as connection:
            rows = connection.execute(query).all()
        values = json.loads(f"[{','.join(metrics for _, metrics in rows)}]")
        return {place: given for (place, _), given in zip(rows, values, strict=True)}

    def measured_by(self, runs: Sequence[str], metric: str) -> dict[str, dict[int, float]]:
        """One metric of each question of some runs, by run and place; where it was not measured it is missing."""
        value = sql.func.json_extract(scored.c.metrics, f'$."{metric}"')
        query = sql.select(scored.c.run, scored.c.place, value).where(scored.c.run.in_(runs))
        found: dict[str, dict[int, float]] = {one: {} for one in runs}
        with self.read() as connection:
            for run, place, given in connection.execute(query):
                if given is not None:
                    found[run][place] = float(given)
        return found
