"""Which configuration is the champion, which one challenges it, and who decided that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice

import sqlalchemy as sql

from rag.catalog import Database
from rag.errors import InputError, NotFoundError
from rag.experiments.outbox import sent
from rag.experiments.tables import as_json, now, outbox, promotions, storable, studies, to_promotion
from rag.records import AS_SET, Configuration, Promotion

CHAMPION, CHALLENGER = "champion", "challenger"


class Promotions(Database):
    """A history for each alias and collection; an empty collection means all that have none of their own."""

    def promote(
        self,
        configuration: Configuration,
        by: str,
        run: str = "",
        collection: str = "",
        alias: str = CHAMPION,
        back_to: int = 0,
    ) -> Promotion:
        """Give a configuration an alias, which another one had. Raises InputError for an alias that there is not."""
        if alias not in (CHAMPION, CHALLENGER):
            raise InputError(f"{alias!r} is no alias: there are {CHAMPION} and {CHALLENGER}.")
        row = {"alias": alias, "collection": collection, "configuration": as_json(asdict(configuration))}
        with self.write() as connection:
            made = promotions.insert().values(**row, run=run, by=storable(by), at=now(), mlflow_id="", back_to=back_to)
            sent(connection, "promotion", str(connection.execute(made).lastrowid))
        return self.history(collection, alias)[0]

    def history(self, collection: str = "", alias: str = CHAMPION) -> list[Promotion]:
        """Who had an alias, newest first."""
        mine = (promotions.c.alias == alias, promotions.c.collection == collection)
        query = sql.select(promotions).where(*mine).order_by(promotions.c.number.desc())
        with self.read() as connection:
            return [to_promotion(row) for row in connection.execute(query).mappings()]

    def promotion(self, number: int) -> Promotion | None:
        """One decision, if it is kept."""
        with self.read() as connection:
            row = connection.execute(sql.select(promotions).where(promotions.c.number == number)).mappings().first()
        return to_promotion(row) if row else None

    def promoted(self, collection: str = "", alias: str = CHAMPION) -> Promotion | None:
        """Who has an alias for a collection: its own, else the one for all."""
        for place in dict.fromkeys((collection, "")):
            if found := self.history(place, alias):
                return found[0] if found[0].back_to != AS_SET else None
        return None

    def standing(self, collection: str = "", alias: str = CHAMPION) -> list[Promotion]:
        """The decisions for a collection that nobody has gone back beyond, its own, else those for all; newest first:
        the first one counts."""
        for place in dict.fromkeys((collection, "")):
            if found := self.history(place, alias):
                return _standing(found)
        return []

    def before(self, collection: str = "", alias: str = CHAMPION) -> Promotion | None:
        """The decision that going back leads to: the last one for another configuration than has the alias now. None
        if there is none: then nobody has it afterwards."""
        left = _standing(self.history(collection, alias))
        return next((one for one in left if one.configuration != left[0].configuration), None)

    def roll_back(self, by: str, collection: str = "", alias: str = CHAMPION) -> Promotion:
        """Give an alias back to the configuration that had it before, and to nobody if none had; done again, to the one
        before that. Raises NotFoundError if nobody has it."""
        left, other = _standing(self.history(collection, alias)), self.before(collection, alias)
        if not left:
            raise NotFoundError(f"Nothing was promoted to {alias}, so there is none to go back to.")
        if other is None:
            return self.promote(left[0].configuration, by, left[0].run, collection, alias, AS_SET)
        return self.promote(other.configuration, by, other.run, collection, alias, other.number)

    def versions_in_use(self, collection: str) -> set[str]:
        """The versions of its model that have an alias here, or get it by going back: what MLflow calls them."""
        used = set()
        for alias in (CHAMPION, CHALLENGER):
            history = self.history(collection, alias)
            others = (one for one in history if one.configuration != history[0].configuration)
            used |= {one.mlflow_id for one in (*history[:1], *islice(others, 1)) if one.mlflow_id}
        return used

    def forget_version(self, collection: str, mlflow_id: str) -> None:
        """Note that MLflow has a version of a collection's model no longer."""
        mine = (promotions.c.collection == collection, promotions.c.mlflow_id == mlflow_id)
        with self.write() as connection:
            connection.execute(promotions.update().where(*mine).values(mlflow_id=""))

    def forget_promotions(self, collection: str) -> None:
        """Forget who was what of a collection that is deleted; MLflow is to forget its model."""
        with self.write() as connection:
            numbers = sql.select(promotions.c.number).where(promotions.c.collection == collection)
            found = [str(one) for one in connection.execute(numbers).scalars()]
            if found:
                connection.execute(outbox.delete().where(outbox.c.kind == "promotion", outbox.c.key.in_(found)))
                connection.execute(promotions.delete().where(promotions.c.collection == collection))
                sent(connection, "model", collection)

    def rename_promotions(self, old: str, new: str, made: str = "") -> None:
        """Let a collection that is called something else keep its history, and its studies say its name; MLflow gets a
        model of the new name for each alias, in the place of that of the old one. `made` is as studies have it."""
        mine = promotions.c.collection == old
        measured = studies.c.collection == old, studies.c.collection_made.in_(("", made))
        with self.write() as connection:
            connection.execute(studies.update().where(*measured).values(collection=new))
            last = sql.select(sql.func.max(promotions.c.number)).where(mine).group_by(promotions.c.alias)
            numbers = [str(one) for one in connection.execute(last).scalars()]
            if numbers:
                connection.execute(promotions.update().where(mine).values(collection=new, mlflow_id=""))
                sent(connection, "model", old)
                for one in numbers:
                    sent(connection, "promotion", one)


def _standing(history: Sequence[Promotion]) -> list[Promotion]:
    """Of a history, as it is newest first, the decisions that nobody has gone back beyond."""
    left: list[Promotion] = []
    for one in reversed(history):
        if one.back_to:
            left = [each for each in left if each.number <= one.back_to]
        else:
            left.append(one)
    return left[::-1]
