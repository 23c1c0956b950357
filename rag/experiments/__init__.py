"""Experiments: question sets, studies, their runs, and which configuration won; in a database file of their own.

Of their own because everything that is remembered of the catalog is forgotten whenever something is written to it, and
a study writes all the time. MLflow is told what there is from the outbox; pages read from here alone.
"""

from __future__ import annotations

import logging

import sqlalchemy as sql

from rag.errors import FolderError
from rag.experiments.migrations import MIGRATIONS
from rag.experiments.outbox import Outbox, sent
from rag.experiments.promotions import CHALLENGER, CHAMPION, Promotions
from rag.experiments.question_sets import QuestionSets
from rag.experiments.scores import Scores
from rag.experiments.studies import Studies
from rag.experiments.tables import outbox, promotions, storable, studies, to_configuration

__all__ = ["CHALLENGER", "CHAMPION", "Experiments", "storable", "to_configuration"]

log = logging.getLogger(__name__)


class Experiments(QuestionSets, Studies, Scores, Promotions, Outbox):
    """One file of experiments. Build once and share."""

    migrations = MIGRATIONS
    called = "file of experiments"
    wipes = True

    def delete_study(self, study: str) -> None:
        super().delete_study(study)
        self._give_back()

    def remove_set(self, name: str) -> None:
        super().remove_set(name)
        self._give_back()

    def _give_back(self) -> None:
        """Give back the space of what was deleted, if it is much, as the whole file is written anew for it."""
        with self.read() as connection:
            empty, pages = (
                int(connection.exec_driver_sql(f"PRAGMA {one}").scalar_one())
                for one in ("freelist_count", "page_count")
            )
        try:
            self.shrink() if empty * 4 > pages else self.empty_log()
        except FolderError as error:  # it is deleted and overwritten all the same
            log.warning("The space of what was deleted is not given back yet: %s", error)

    def erase(self, there_too: bool = False) -> None:
        """Remove everything, so that it cannot be read any more; `there_too`: MLflow is to forget it as well, of which
        ids and names of collections are kept until it has."""
        with self.write() as connection:
            found = [("study", one) for one in connection.execute(sql.select(studies.c.id)).scalars()]
            found += [("model", one) for one in connection.execute(sql.select(promotions.c.collection)).scalars()]
            left = sql.select(outbox.c.kind, outbox.c.key).where(outbox.c.kind.in_(("study", "model")))
            found += [(kind, key) for kind, key in connection.execute(left)]
            for table in ("question_sets", "studies", "question_rows", "promotions", "outbox"):
                connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 - our own names
            for kind, key in dict.fromkeys(found) if there_too else ():
                sent(connection, kind, key)
        self.shrink()
