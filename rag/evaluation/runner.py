"""The runner: a study's configurations are held against its questions, and what one of them does not change is not
done again.

Configurations that search the same passages share a bench. There each question is asked once for all of them, and what
they make of it is kept at once, so that an interrupted study goes on with the questions that are missing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from rag.errors import FolderError, RagError, StoppedError
from rag.evaluation.bench import Asked, Bench, ChangedError, Questions
from rag.evaluation.locating import Library, Wanted, is_missing
from rag.evaluation.scoring import mostly_failed, of_answer, of_failure, of_retrieval, of_run
from rag.experiments import Experiments
from rag.records import QUOTING, Configuration, Found, Gold, Hit, Recipe, Run, RunState, Scored, Study

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
"""How often what was scored is kept."""
OPEN = (RunState.QUEUED, RunState.RUNNING)

MISSING = "For {number:,} of {total:,} questions, the document or quote that is named was not found: these say nothing."

Benches = Callable[[Study, Run, Callable[[str], None]], Bench]
"""Makes what a run searches; is told what is being done. Raises RagError if that cannot be."""
Libraries = Callable[[Study], Library]


class CancelledError(StoppedError):
    """Somebody wants the study to end."""


class Runner:
    """Works off studies, one at a time. `closing` says whether to stop; the study then goes on at the next start."""

    def __init__(
        self, experiments: Experiments, benches: Benches, libraries: Libraries, closing: Callable[[], bool]
    ) -> None:
        self._experiments = experiments
        self._benches, self._libraries, self._closing = benches, libraries, closing

    def run(self, study: Study) -> None:
        """Work a study off, or what is left of it. Never raises for what is wrong with it, only StoppedError at closing
        and StorageError if what comes of it cannot be kept."""
        try:
            work = _Work(self._experiments, study, self._go_on)
            work.located = self._libraries(study)
            for runs in _by_index(work.open):
                self._group(work, runs)
            missing = work.missing()
        except CancelledError:
            self._experiments.end_study(study.id, RunState.CANCELLED, "It was cancelled.")
        except StoppedError:
            raise
        except FolderError:  # the file is busy or its disk full: the study goes on when it no longer is
            raise
        except RagError as error:
            self._experiments.end_study(study.id, RunState.FAILED, str(error))
        except BaseException as error:  # a Rust library's panic is no Exception, and would come again at every try
            log.exception("The study %s met an unexpected error", study.name)
            why = f"Unexpected {type(error).__name__}: {error}. The log has the details."
            self._experiments.end_study(study.id, RunState.FAILED, why)
        else:
            self._end(study.id, missing)

    def _go_on(self, study: str) -> None:
        if self._closing():
            raise StoppedError("The workspace is being closed; the study goes on at the next start.")
        if self._experiments.is_cancelling(study):
            raise CancelledError("It was cancelled.")

    def _group(self, work: _Work, runs: Sequence[Run]) -> None:
        try:
            bench = self._benches(work.study, runs[0], work.doing)
        except (StoppedError, FolderError):
            raise
        except RagError as error:
            for run in runs:
                self._experiments.end_run(run.id, RunState.FAILED, {}, reason=str(error))
            return
        try:
            work.off(bench, runs)
        finally:
            bench.close()

    def _end(self, study: str, missing: tuple[int, int]) -> None:
        runs = self._experiments.study(study).runs
        failed = [one for one in runs if one.state is RunState.FAILED]
        if len(failed) == len(runs):
            self._experiments.end_study(study, RunState.FAILED, failed[0].reason if failed else "It has no runs.")
            return
        said = [f"{len(failed):,} of {len(runs):,} runs failed."] if failed else []
        said += [MISSING.format(number=missing[0], total=missing[1])] if missing[0] else []
        self._experiments.end_study(study, RunState.FINISHED, " ".join(said))


class _Work:
    """A study on its way: which questions each of its runs has done, and what is not kept yet."""

    located: Library

    def __init__(self, experiments: Experiments, study: Study, go_on: Callable[[str], None]) -> None:
        self.study = study
        self._experiments = experiments
        self._go_on = go_on
        self._questions = experiments.questions_of(study.set_version, study.set_name).questions
        self.open = [one for one in study.runs if one.state in OPEN]
        self._places = {one.id: experiments.places(one.id) for one in self.open}
        closed = [one for one in study.runs if one.state not in OPEN]
        self._done = len(closed) * len(self._questions) + sum(map(len, self._places.values()))
        self._total = len(study.runs) * len(self._questions)
        self._wanted: dict[tuple[Library, int], Wanted] = {}
        self._encoded: dict[tuple[str, str, str], Questions] = {}
        self._kept: dict[str, list[Scored]] = {}
        self._flushed = 0.0

    def missing(self) -> tuple[int, int]:
        """How many of how many questions name a document or quotes that are not there."""
        asked = enumerate(self._questions)
        missing = sum(is_missing(one, self._located_at(self.located, place)) for place, one in asked)
        return missing, len(self._questions)

    def doing(self, what: str) -> None:
        """Say what is being done. Raises StoppedError if it is to go no further."""
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self._flush(what)

    def off(self, bench: Bench, runs: Sequence[Run]) -> None:
        """Ask all questions that these runs have not done, and end the runs."""
        for run in runs:
            self._experiments.begin_run(run.id, bench.in_memory)
        first = runs[0]  # what two collections take is compared, so each has the questions encoded for itself
        encoded_by = (first.configuration.model, first.configuration.precision, first.searched)
        encoded = self._encoded.setdefault(encoded_by, {})
        for place, gold in enumerate(self._questions):
            left = [run for run in runs if place not in self._places[run.id]]
            if left:
                scored = self._asked(bench, left, place, gold, encoded)
                for each, one in scored.items():
                    self._kept.setdefault(each, []).append(one)
                self._done += len(scored)
                self.doing("")
        self._flush("")
        for run in runs:
            self._end(run, bench.remark)

    def _asked(
        self, bench: Bench, runs: Sequence[Run], place: int, gold: Gold, encoded: Questions
    ) -> Mapping[str, Scored]:
        """What each run makes of a question. What goes wrong with it is said in its place."""
        try:
            wanted = self._located_at(bench.answers_in or self.located, place)
        except (StoppedError, FolderError):
            raise
        except Exception as error:  # noqa: BLE001 - of any library: one question does not end a run
            return {run.id: _failed(error, place, gold, Wanted(), run.configuration) for run in runs}
        try:
            asked = Asked(bench, gold.question, encoded)
        except (StoppedError, FolderError):
            raise
        except Exception as error:  # noqa: BLE001 - of any library: one question does not end a run
            return {run.id: _failed(error, place, gold, wanted, run.configuration) for run in runs}
        return {run.id: _scored(bench, asked, run.configuration, place, gold, wanted) for run in runs}

    def _located_at(self, library: Library, place: int) -> Wanted:
        if (library, place) not in self._wanted:
            self._wanted[library, place] = library.wanted(self._questions[place])
        return self._wanted[library, place]

    def _flush(self, doing: str) -> None:
        self._experiments.keep_scored(self._kept)
        self._kept = {}
        self._experiments.advance(self.study.id, self._done, self._total, doing)
        self._flushed = time.monotonic()
        self._go_on(self.study.id)

    def _end(self, run: Run, remark: str) -> None:
        scored = self._experiments.scored(run.id)
        metrics = of_run(self._questions, scored, bool(run.configuration.answerer))
        errors = [one.error for one in scored if one.error]
        seconds = sum(one.milliseconds for one in scored) / 1000
        reason = f"{len(errors):,} of {len(scored):,} questions failed: {errors[0]}" if errors else ""
        state = RunState.FAILED if mostly_failed(scored) else RunState.FINISHED
        said = " ".join(one for one in (reason, remark) if one)
        self._experiments.end_run(run.id, state, metrics, seconds, said)


def _scored(bench: Bench, asked: Asked, configuration: Configuration, place: int, gold: Gold, wanted: Wanted) -> Scored:
    """What a configuration makes of a question."""
    try:
        hits, milliseconds = asked.hits(configuration)
        found = tuple(map(_found, hits))
        metrics = of_retrieval(wanted, found, configuration.k)
        if not configuration.answerer:
            return Scored(place, metrics, found, milliseconds=milliseconds)
        answer, more = asked.answer(configuration, hits)
        if configuration.answerer != QUOTING and answer.model == QUOTING:  # then it was not the one who was asked
            metrics = of_failure(gold, wanted, configuration, found)
            return Scored(place, metrics, found, error=answer.notice or "The language model did not answer.")
        metrics |= of_answer(gold, answer, bench.is_verbatim(answer))
        told = answer.text, answer.abstained, answer.confidence
        return Scored(place, metrics, found, *told, milliseconds=milliseconds + more)
    except (StoppedError, ChangedError, FolderError):
        raise
    except Exception as error:  # noqa: BLE001 - of any library: one question does not end a run
        return _failed(error, place, gold, wanted, configuration)


def _failed(error: Exception, place: int, gold: Gold, wanted: Wanted, configuration: Configuration) -> Scored:
    return Scored(place, of_failure(gold, wanted, configuration), (), error=_why(error))


def _why(error: Exception) -> str:
    if isinstance(error, RagError):
        return str(error)
    log.warning("A question of a study met an unexpected error", exc_info=error)
    return f"Unexpected {type(error).__name__}: {error}"


def _found(hit: Hit) -> Found:
    chunk = hit.chunk
    return Found(chunk.document_id, hit.name, chunk.page, chunk.start, chunk.end, hit.score)


def _by_index(runs: Sequence[Run]) -> list[list[Run]]:
    """They by what they search."""
    groups: dict[tuple[str, Recipe], list[Run]] = {}
    for one in runs:
        groups.setdefault((one.searched, one.configuration.recipe), []).append(one)
    return list(groups.values())
