"""Studies: configurations are held against question sets, in the background."""

from __future__ import annotations

import hashlib
import platform
import secrets
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

import rag
from rag.errors import InputError
from rag.evaluation.grid import checked
from rag.evaluation.runner import Runner
from rag.evaluation.sets import require_text
from rag.evaluation.tidying import tidied
from rag.evaluation.understanding import named_documents
from rag.evaluation.worker import StudyWorker
from rag.records import Collection, Configuration, Gold, KeptSet, QuestionSet, Run, RunState, Study, version_of
from rag.workspace.benches import Benches
from rag.workspace.conversing import Conversing

LONGEST_NAME = 100
STOP_SECONDS = 15.0
"""How long closing waits for the question at hand."""
_VERSIONED = ("chromadb", "numpy", "onnxruntime", "tantivy", "tokenizers")


class Evaluating(Benches, Conversing):
    """Question sets and studies; what is kept of them is in `experiments`."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        runner = partial(Runner, self.experiments, self._bench, self._library)
        self.study_worker = StudyWorker(self.experiments, runner)

    def keep_questions(self, name: str, questions: Sequence[Gold]) -> KeptSet:
        """Keep a question set, tidied, as the newest version of its name. Questions that are kept as they are already
        stay so: what studies made of them can be compared. Raises InputError."""
        self._require_writable()
        if not questions:
            raise InputError("A question set needs at least one question.")
        for number, one in enumerate(questions, start=1):
            require_text(one, f"Question {number}")
        called, given = _called(name, "question set"), tuple(questions)
        if not self.experiments.has_questions(version_of(given)):
            given = tidied(given)
        return self.experiments.keep_set(QuestionSet(called, given))

    def named_documents(self, questions: Sequence[Gold], collection: str | None = None) -> dict[str, bool]:
        """The documents that questions name, and whether a study of the collection would ask each. Raises
        NotFoundError."""
        return named_documents(questions, {one: each.name for one, each in self.ready(collection).items()})

    def questions_from_feedback(self, owner: str | None = None, collection: str = "") -> list[Gold]:
        """The questions that an owner, or anybody, has put into the evaluation set, in one collection or in all; each
        once: what was said last counts."""
        found: dict[str, Gold] = {}
        for row in (one for one in self.evaluation_rows(owner) if collection in ("", one.collection)):
            answers = (row.expected_answer,) if row.expected_answer else ()
            pages, quotes = (row.page,) if row.page else (), (row.quote,) if row.quote else ()
            there = bool(answers or row.document)
            found[row.question] = Gold(row.question, answers, row.document, pages, quotes, row.tags, there)
        return list(found.values())

    def start_study(
        self,
        name: str,
        questions: QuestionSet,
        collection: str | None,
        configurations: Sequence[Configuration],
    ) -> Study:
        """Hold configurations against a question set, which is kept with the study; it is worked off in the background,
        by whoever owns the folder. Raises InputError if that cannot be done, NotFoundError."""
        self._require_writable()
        found = self.collection(collection)
        return self._start_study(name, questions, found, [(one, "") for one in checked(configurations)])

    def _start_study(
        self,
        name: str,
        questions: QuestionSet,
        found: Collection,
        ways: Sequence[tuple[Configuration, str]],
        rehearsed: str = "",
    ) -> Study:
        """`ways` are configurations, each with what it searches as `Run.searched` has it."""
        documents = self.ready(found.name)
        if not documents:
            raise InputError(f"No document of {found.name!r} is ready yet. Wait until some are, then start again.")
        if busy := [one for one in self.unfinished() if one.collection == found.name]:
            raise InputError(
                f"{len(busy):,} documents of {found.name!r} are still being indexed. Wait until they are ready: then "
                "all runs search the same documents."
            )
        kept = self.keep_questions(questions.name, questions.questions)
        study = secrets.token_hex(8)
        runs = tuple(Run(secrets.token_hex(8), study, one, RunState.QUEUED, searched=what) for one, what in ways)
        made = Study(
            id=study,
            name=_called(name, "study"),
            collection=found.name,
            set_name=kept.name,
            set_version=kept.version,
            data_version=self.data_version(found, documents),
            state=RunState.QUEUED,
            created_at=datetime.now(UTC),
            runs=runs,
            total=len(runs) * kept.questions,
            code_version=_code_version(),
            environment=_environment(),
            rehearsed=rehearsed,
            collection_made=made_at(found),
        )
        self.experiments.add_study(made)
        self.resume_studies()
        return made

    def resume_studies(self) -> bool:
        """Work off what is queued, and what was being worked on when a process ended; False if another process owns the
        folder, and does so."""
        if not self._owns():
            return False
        self.study_worker.start()
        return True

    def cancel_study(self, study: str) -> None:
        """End a study after the question at hand; what its runs have done is kept."""
        self._require_writable()
        self.experiments.cancel_study(study)

    def study_again(self, study: str) -> Study:
        """Go on with the runs of a study that have not finished: in their place, or in a new study if the documents are
        others by now. Raises InputError if that cannot be done, NotFoundError."""
        self._require_writable()
        found = self.experiments.study(study)
        here = self.collection(found.collection)
        if self.data_version(here, self.ready(here.name)) == found.data_version:
            self.experiments.again(study)
            self.resume_studies()
            return self.experiments.study(study)
        left = [one.configuration for one in found.runs if one.state is not RunState.FINISHED]
        asked = self.experiments.questions_of(found.set_version, found.set_name)
        return self.start_study(found.name, asked, found.collection, left)

    def delete_study(self, study: str) -> None:
        """Remove a study with its runs. Raises NotFoundError."""
        self._require_writable()
        self.experiments.delete_study(study)

    def remove_questions(self, name: str) -> None:
        """Remove a question set; studies keep their questions. Raises NotFoundError."""
        self._require_writable()
        self.experiments.remove_set(name)

    def erase(self) -> None:
        super().erase()
        shutil.rmtree(self.folder.study_indexes, ignore_errors=True)

    def close(self) -> None:
        self.study_worker.stop(STOP_SECONDS)
        super().close()


def made_at(collection: Collection) -> str:
    """What a study knows its collection by."""
    return collection.created_at.astimezone(UTC).isoformat(timespec="microseconds")


def _called(name: str, what: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(f"The name of a {what} has between 1 and {LONGEST_NAME} characters, all of them visible.")
    return name


@lru_cache(maxsize=1)
def _code_version() -> str:
    """The version, and a hash of the code that runs: who changes a line has another."""
    digest, root = hashlib.sha256(), Path(rag.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return f"{rag.__version__}+{digest.hexdigest()[:12]}"


def _environment() -> dict[str, str]:
    """What figures may depend on beside the code."""
    versions = {one: metadata.version(one) for one in _VERSIONED}
    return {"python": platform.python_version(), "system": platform.platform(), **versions}
