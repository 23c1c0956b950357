"""Rehearsals: before a collection in the making takes the other's place, questions are asked of both.

A rehearsal is a study of two runs, so that it goes on, ends and is compared as any other. What is other is what its
runs search: each a collection as it stands, by its id, and not passages made for the study.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection as Several
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial

from rag.errors import InputError
from rag.evaluation.bench import Bench, ChangedError
from rag.evaluation.comparing import outcomes
from rag.evaluation.locating import Library
from rag.recipes import is_known
from rag.records import (
    Collection,
    Configuration,
    Cost,
    Outcomes,
    QuestionSet,
    Rehearsal,
    Run,
    Study,
    untold,
)
from rag.workspace.benches import CHANGED, Told
from rag.workspace.comparing import Comparing
from rag.workspace.reembedding import Reembeddings

GONE = "The new version of {name!r} has been swapped in or discarded meanwhile, so the rehearsal ended."
WARM_UP = "What is this about?"
LONGEST_SAID = 60
"""Characters of a collection's name in the name of a study."""


class Rehearsing(Comparing, Reembeddings):
    """A collection is named by its name; without one it is the default one."""

    def rehearse(self, questions: QuestionSet, collection: str | None = None) -> Study:
        """Ask questions of a collection and of what is to take its place, in the background, as they are asked on the
        Ask page: only finding passages is measured. Raises InputError if the one in the making is not ready, or a
        rehearsal of it is going on; NotFoundError if nothing is in the making."""
        self._require_writable()
        found, shadow = self._in_the_making(collection)
        making = self.reembedding(found.name)
        if making is None or making.working or making.counts.busy:
            raise InputError(f"The new version of {found.name!r} is not ready yet. Rehearse when it is.")
        before = self.rehearsal(found.name)
        if before is not None and before.working and before.after.searched == shadow.id:
            raise InputError("A rehearsal of it is going on already. Wait until it has ended, or cancel it.")
        now, then = self._configured(found, shadow)
        name = f"Rehearsal of {found.name[:LONGEST_SAID]}"
        return self._start_study(
            name, questions, found, [(now, found.id), (then, shadow.id)], self._made_of(found, shadow)
        )

    def rehearsal(self, collection: str | None = None) -> Rehearsal | None:
        """The newest rehearsal of a collection with something to take its place; None if there is nothing in the
        making, or no rehearsal was made since the collection is as it is. Raises NotFoundError."""
        found = self.collection(collection)
        shadow = self.catalog.shadow(found)
        if shadow is None:
            return None
        mine = [one for one in self._rehearsals() if one.before.searched == found.id]
        if not mine:
            return None
        newest = max(mine, key=lambda one: one.study.created_at)
        return replace(newest, outdated=self._outdated(newest, found, shadow))

    def _rehearsals(self) -> Iterator[Rehearsal]:
        for contest in self.contests():
            for study in contest.studies:
                if study.rehearsed:
                    before, after = (run for run in contest.runs if run.study == study.id)
                    yield Rehearsal(study, before, after)

    def outcomes(self, rehearsal: Rehearsal, metric: str) -> Outcomes:
        """For which questions the one in the making is better or worse by a metric of questions; of a rehearsal that is
        whole."""
        questions = len(self.questions_asked(rehearsal.study))
        before, after = (self.measured_of(one.id) for one in rehearsal.runs)
        return outcomes(before, after, metric, questions)

    def costs(self, collection: str | None = None) -> tuple[Cost, Cost]:
        """What a collection takes, and what that takes which is to take its place. Raises NotFoundError."""
        now, then = (self._cost(one) for one in self._in_the_making(collection))
        return now, then

    def _cost(self, one: Collection) -> Cost:
        room = self.room(one.name)
        seconds = sum(document.seconds for document in self.ready(one.name).values())
        return Cost(one.chunks, room.whole - room.originals, seconds)

    def _configured(self, found: Collection, shadow: Collection) -> tuple[Configuration, Configuration]:
        """How both are asked: in the way of the champion where that answers, else as it is set."""
        champion, _ = self.answers_with(found.name)
        now = replace(champion or self.configuration(found.name), answerer="")
        made = asdict(self.recipes.recipe_of(shadow))
        return now, replace(now, **made)

    def _made_of(self, found: Collection, shadow: Collection) -> str:
        """A hash of all that a rehearsal depends on: documents with what they are called, what was corrected by hand,
        and how passages are made and found."""
        both = [
            [
                one.id,
                sorted(one.fingerprint.items()),
                [(each.id, each.name, each.title) for each in self.ready(one.name).values()],
                self.catalog.corrections(one.name),
            ]
            for one in (found, shadow)
        ]
        ways = [asdict(one) for one in self._configured(found, shadow)]
        return hashlib.sha256(json.dumps([both, ways], sort_keys=True).encode()).hexdigest()[:24]

    def _outdated(self, one: Rehearsal, found: Collection, shadow: Collection) -> str:
        if one.after.searched != shadow.id:
            return "It was made with another new version, which has been discarded since."
        if one.study.rehearsed == self._made_of(found, shadow):
            return ""
        if tuple(each.configuration for each in one.runs) != self._configured(found, shadow):
            return "Since then, questions are answered in another way: other settings, or another champion."
        return "Since then, documents have come, gone or changed, or passages were corrected."

    # -- what is searched ----------------------------------------------------------------------------------------------

    def _bench(self, study: Study, run: Run, told: Told) -> Bench:
        return self._as_it_is(study, run) if run.searched else super()._bench(study, run, told)

    def _as_it_is(self, study: Study, run: Run) -> Bench:
        """A collection, or one in the making, as a search goes through it."""
        found = self.collection(study.collection)
        mine = self._searched(found, run.searched)
        here, documents = self.ready(found.name), self.ready(mine.name)
        if self.data_version(found, here) != study.data_version:
            raise ChangedError(CHANGED.format(collection=found.name))
        if is_known(mine):
            self.recipes.check(mine)
        embedder, texts = self.recipes.embedder_of(mine), self.texts(mine.name)
        scope = self._scope(mine, self.catalog.visible(mine.name), None)
        if scope.names:  # what is loaded and read from the disk for the first time is no question's fault
            with self._gate.shared():
                way = self._way(run.configuration)
                self._hits(mine, scope, WARM_UP, run.configuration.k, untold, way)
        names = {one: each.name for one, each in here.items()}
        return Bench(
            retriever=lambda: self.retriever,
            name=mine.store_name,
            embedder=embedder,
            scope=scope,
            chunks_by_id=partial(self.catalog.chunks_by_id, mine.name),
            rerank=self.rerankers.scores_of,
            answer=partial(self._answered, documents, self.lexical, mine.store_name, texts),
            at_work=partial(self._still, found, mine, documents),
            is_verbatim=partial(self._verbatim, mine.name),
            # Texts may be read in another way there. What is missing there is looked for where it stands here.
            answers_in=Library(names, lambda one: self.catalog.pages(documents.get(one, here[one]))),
        )

    def _searched(self, found: Collection, one: str) -> Collection:
        """The collection, or what is to take its place, whichever has an id. Raises ChangedError."""
        shadow = self.catalog.shadow(found)
        there = [each for each in (found, shadow) if each is not None and each.id == one]
        if not there or shadow is None:
            raise ChangedError(GONE.format(name=found.name))
        return there[0]

    @contextmanager
    def _still(self, found: Collection, mine: Collection, documents: Several[str]) -> Iterator[None]:
        with self._gate.shared():
            now = self._searched(self.collection(found.name), mine.id)
            if now.name != mine.name or self.catalog.visible(now.name).ready.keys() != set(documents):
                raise ChangedError(CHANGED.format(collection=found.name))
            yield
