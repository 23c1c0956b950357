"""Runs held against each other: what pages show of studies. All of it is read from our own file, never from MLflow."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from rag.errors import ConfigurationError, NotFoundError
from rag.evaluation.comparing import Changes, Contest, changes, contests
from rag.evaluation.estimating import (
    MODEL_SECONDS,
    PASSAGES_A_SECOND,
    QUOTE_SECONDS,
    RERANK_SECONDS,
    Estimate,
    search_seconds,
)
from rag.evaluation.leaderboard import Measured, Standing, standings
from rag.evaluation.locating import Library, Wanted, is_missing
from rag.experiments import CHALLENGER, CHAMPION
from rag.recipes import BUNDLED
from rag.records import (
    QUOTING,
    Configuration,
    Found,
    Gold,
    KeptSet,
    Promotion,
    Recipe,
    Run,
    RunState,
    Scored,
    Study,
    Trace,
)
from rag.workspace.benches import DIGITS, data_version
from rag.workspace.promoting import Promoting

T = TypeVar("T")
SHOWN_DRAWS = 2_000
"""Times that questions are drawn anew for intervals on a page: their ends move by less than a tenth of their width."""
KEPT_STANDINGS, KEPT_MEASURED = 5_000, 64


@dataclass(frozen=True, slots=True)
class OneQuestion:
    """A question of a set, where its answer stands as far as that can be known by now, and what runs made of it."""

    gold: Gold
    wanted: Wanted
    scored: Mapping[str, Scored]


class Comparing(Promoting):
    """Contests, leaderboards and single questions."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._shown_of: dict[str, OrderedDict[Hashable, Any]] = {}
        self._comparing = threading.Lock()

    def contests(self) -> list[Contest]:
        """All studies with their runs, by what may be compared; newest first."""
        kept = self.experiments
        return kept.while_unchanged("contests", lambda: contests(kept.studies(), kept.runs()))

    def question_sets(self) -> list[KeptSet]:
        """All versions of all question sets, newest first."""
        return self.experiments.while_unchanged("sets", self.experiments.sets)

    def set_changes(self, name: str, before: str, after: str) -> Changes:
        """What a version of a set changes, by their versions. Raises NotFoundError."""
        kept = self.experiments

        def find() -> Changes:
            return changes(kept.question_set(name, before).questions, kept.question_set(name, after).questions)

        return self._kept("changes", (name, before, after), KEPT_STANDINGS, find)

    def promoted_runs(self, study: Study) -> dict[str, Promotion]:
        """Champion and challenger of the collection that a study asked, by their alias; none if it has been deleted."""
        try:
            collection = self.measured_on(study).name
        except NotFoundError:
            return {}
        found = {one: self.experiments.promoted(collection, one) for one in (CHAMPION, CHALLENGER)}
        return {alias: one for alias, one in found.items() if one is not None}

    def baseline_of(self, contest: Contest, metric: str) -> str:
        """The run to hold the others against where nobody says: of a rehearsal the collection as it was, else what
        answers now, which is the champion unless that waits for its passages; else what is set, else the first that has
        finished; of those with a metric, empty if there is none."""
        done = [one for one in contest.runs if one.state is RunState.FINISHED and metric in one.metrics]
        if contest.newest.rehearsed:  # once it is swapped in, what is new is as things are
            mine = [one.id for one in contest.runs if one.study == contest.newest.id]
            if mine and mine[0] in {one.id for one in done}:
                return mine[0]
        champion, wanted = None, list[Configuration]()
        with suppress(NotFoundError):  # it has been deleted; what was measured stays
            collection = self.measured_on(contest.newest).name
            champion, _ = self.answering(collection)
            wanted = [*([champion.configuration] if champion else []), self.configuration(collection)]
        for one in wanted:
            for run in done:
                if run.id == (champion.run if champion else "") or run.configuration == one:
                    return run.id
        return done[0].id if done else ""

    def standings_of(self, runs: Sequence[Run], metric: str, baseline: str) -> dict[str, Standing]:
        """What finished runs that have a metric of questions come to beside a baseline, by their ids. Only what these
        runs made of each question is read."""
        there = [one for one in runs if one.state is RunState.FINISHED and metric in one.metrics]
        new = [one for one in there if not self._has("standings", (one.id, metric, baseline))]
        if new:
            wanted = dict.fromkeys((*(one.id for one in new), *([baseline] if baseline else ())))
            by_run = self.experiments.measured_by(list(wanted), metric)
            measured = {run: {place: {metric: one} for place, one in some.items()} for run, some in by_run.items()}
            for one in standings(new, measured, metric, baseline, SHOWN_DRAWS):
                self._kept("standings", (one.run.id, metric, baseline), KEPT_STANDINGS, partial(_itself, one))
        shelf: Mapping[Hashable, Standing] = self._shown_of.get("standings", OrderedDict())
        return {one.id: shelf[key] for one in there if (key := (one.id, metric, baseline)) in shelf}

    def missing(self, study: Study) -> list[Gold]:
        """The questions of a study that name a document or quotes of which nothing is in its collection."""
        asked = self.questions_asked(study)
        wanted = self.wanted_of(study, range(len(asked)))
        return [one for place, one in enumerate(asked) if is_missing(one, wanted[place])]

    def measured_of(self, run: str) -> Measured:
        """The metrics of each question of a run that has finished, by its place."""
        return self._kept("measured", run, KEPT_MEASURED, lambda: self.experiments.measured(run))

    def questions_asked(self, study: Study) -> tuple[Gold, ...]:
        """Raises NotFoundError."""
        find = self.experiments.questions_of
        return self._kept("questions", study.set_version, 8, lambda: find(study.set_version, study.set_name).questions)

    def scores_of(self, run: str) -> list[Scored]:
        """What a run that has ended made of each question."""
        return self._kept("scores", run, 8, lambda: self.experiments.scored(run))

    def one_question(self, study: Study, runs: Sequence[str], place: int) -> OneQuestion:
        """A question with what runs made of it. Raises NotFoundError."""
        gold = self.questions_asked(study)[place]
        return OneQuestion(gold, self.wanted_of(study, [place])[place], self.experiments.scored_at(runs, place))

    def wanted_of(self, study: Study, places: Sequence[int]) -> dict[int, Wanted]:
        """Where the answers to questions of a study stand; nowhere if its documents are not those of now."""
        questions = self.questions_asked(study)
        try:
            documents = self.ready(study.collection)
        except NotFoundError:
            documents = {}
        if data_version(documents) != study.data_version[:DIGITS]:  # corrections move no text that is located in
            return dict.fromkeys(places, Wanted())
        library = self._kept("library", (study.collection, study.data_version), 1, lambda: self._library(study))
        return {place: self._wanted(study, library, place, questions[place]) for place in places}

    def _wanted(self, study: Study, library: Library, place: int, gold: Gold) -> Wanted:
        key = (study.set_version, study.data_version, place)
        return self._kept("wanted", key, KEPT_STANDINGS, lambda: library.wanted(gold))

    def found_text(self, collection: str, found: Found) -> str:
        """What stands in a passage that a run found; empty if its document is not there any more."""
        return found.text or self.catalog.passage(collection, found.document, found.start, found.end)

    def impossible(self, configurations: Sequence[Configuration]) -> dict[Configuration, str]:
        """Those whose passages the bundled model could not read, and why. Of other models that is known once a study
        has loaded them."""
        found: dict[Recipe, str] = {}
        for recipe in {one.recipe for one in configurations if one.recipe.model == BUNDLED}:
            try:
                self.recipes.fingerprint_with(recipe)
            except ConfigurationError as error:
                found[recipe] = str(error)
        return {one: found[one.recipe] for one in configurations if one.recipe in found}

    def estimate(self, collection: str, questions: int, configurations: Sequence[Configuration]) -> Estimate:
        """What a study would come to, roughly. Raises NotFoundError."""
        found = self.collection(collection)
        own = self.recipes.recipe_of(found)
        recipes = {one.recipe for one in configurations}
        pace = self.catalog.speeds().get(self.recipes.pace(found), PASSAGES_A_SECOND)
        passages = sum(found.chunks * own.chunk_tokens / max(1, one.chunk_tokens) for one in recipes if one != own)
        models = sum(one.answerer not in ("", QUOTING) for one in configurations)
        each = (
            len(recipes) * search_seconds(self.contests(), found.name)
            + sum(bool(one.reranker) for one in configurations) * RERANK_SECONDS
            + sum(one.answerer == QUOTING for one in configurations) * QUOTE_SECONDS
            + models * MODEL_SECONDS
        )
        seconds = passages / max(pace, 0.1) + questions * each
        return Estimate(len(configurations), len(recipes - {own}), questions * models, seconds)

    def questions_from_readers(self, owner: str = "", collection: str = "") -> list[Gold]:
        """What an owner has put into the evaluation set, in one collection or in all; and what they have judged beside
        that, with the pages of the sources that they called relevant, in the document that has most of them. What
        others did is theirs, as their conversations are."""
        found = {one.question: one for one in self.questions_from_feedback(owner, collection)}
        relevant: dict[str, dict[str, set[int]]] = {}
        for one in (each for each in self.feedback(owner) if collection in ("", each.collection)):
            pages = relevant.setdefault(one.question, {})
            if one.chunk and one.value > 0 and one.name:
                pages.setdefault(one.name, set()).add(one.page)
        for question, pages in relevant.items():
            if question.strip() and question not in found:
                name = max(pages, key=lambda one: len(pages[one]), default="")
                found[question] = Gold(question, document=name, pages=tuple(sorted(pages.get(name, ()))))
        return list(found.values())

    def judged_collections(self, owner: str = "") -> list[str]:
        """The collections of which an owner has judged answers, or put questions into the evaluation set."""
        rows, judged = self.evaluation_rows(owner), self.feedback(owner)
        return sorted({one.collection for one in rows} | {one.collection for one in judged})

    def conversation_of(self, trace: Trace) -> str:
        """The conversation that the question of a trace was asked in; empty if it is not kept."""
        turn = self.recorder.store.turn_of(trace.id)
        return self.talks.conversation_of(trace.owner, turn) if turn else ""

    def erase(self) -> None:
        super().erase()
        with self._comparing:
            self._shown_of.clear()

    def _has(self, what: str, key: Hashable) -> bool:
        with self._comparing:
            return key in self._shown_of.get(what, {})

    def _kept(self, what: str, key: Hashable, most: int, find: Callable[[], T]) -> T:
        """What never changes once it is there, found once, the last `most` of it."""
        with self._comparing:
            shelf = self._shown_of.setdefault(what, OrderedDict())
            if key in shelf:
                shelf.move_to_end(key)
                known: T = shelf[key]
                return known
        made = find()
        with self._comparing:
            shelf[key] = made
            while len(shelf) > most:
                shelf.popitem(last=False)
        return made


def _itself(one: T) -> T:
    return one
