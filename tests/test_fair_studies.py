"""Studies are fair: what failed counts, what was corrected parts them, and what is not there is said."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rag.errors import FolderError, InputError
from rag.evaluation.grid import grid
from rag.records import Configuration, Gold, QuestionSet, Run, RunState
from rag.workspace import Workspace, standings
from tests.studying import TOWNS, ended, fill, questions

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def filled(workspace: Workspace, tmp_path: Path) -> Workspace:
    fill(workspace, tmp_path)
    return workspace


def settled(workspace: Workspace) -> None:
    """Wait until a correction is in all indexes."""
    deadline = time.monotonic() + 20
    while workspace.unfinished():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def fail_for(workspace: Workspace, towns: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    search = workspace.lexical.search

    def failing(name: str, question: str, *given: Any, **named: Any) -> Any:
        if any(town in question for town in towns):
            raise ValueError("no luck")
        return search(name, question, *given, **named)

    monkeypatch.setattr(workspace.lexical, "search", failing)


# -- what failed ---------------------------------------------------------------------------------------------------


def test_a_run_that_fails_on_some_questions_is_over_all_of_them(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ended(filled, filled.start_study("whole", questions(), None, [Configuration()])).runs[0]
    with monkeypatch.context() as patched:
        fail_for(filled, TOWNS[:1], patched)
        part = ended(filled, filled.start_study("part", questions(), None, [Configuration(k=4)])).runs[0]
    assert (whole.metrics["MRR"], part.metrics["errors"]) == (1.0, 3)
    assert part.metrics["MRR"] == pytest.approx(15 / 18)
    assert len(filled.experiments.measured_by([part.id], "MRR")[part.id]) == 18
    board = filled.standings_of([part, whole], "MRR", whole.id)
    assert (board[part.id].questions, board[part.id].mean) == (18, pytest.approx(15 / 18))
    assert part.reason.startswith("3 of 19 questions failed")


def test_a_run_that_fails_on_most_questions_has_failed(filled: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_for(filled, TOWNS[:4], monkeypatch)
    study = ended(filled, filled.start_study("most", questions(), None, [Configuration()]))
    [run] = study.runs
    assert (study.state, run.state) == (RunState.FAILED, RunState.FAILED)
    assert dict(run.metrics) == {"questions": 19, "errors": 12, "located": 18}
    with pytest.raises(InputError):
        filled.promote(run.id)


def test_a_file_that_is_busy_for_long_does_not_end_a_study(filled: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    keep, tries = filled.experiments.keep_scored, []

    def busy(*given: Any) -> None:
        tries.append(time.monotonic())
        if len(tries) <= 2:
            raise FolderError("It is busy: another process has been writing to it.")
        keep(*given)

    monkeypatch.setattr(filled.experiments, "keep_scored", busy)
    monkeypatch.setattr("rag.evaluation.worker.IDLE_SECONDS", 0.1)
    study = ended(filled, filled.start_study("busy", questions(1), None, [Configuration()]))
    assert (study.state, study.done, study.reason) == (RunState.FINISHED, 7, "")


# -- what is not there ---------------------------------------------------------------------------------------------


def test_questions_that_name_what_is_not_there_are_counted_and_named(filled: Workspace) -> None:
    good, *_ = questions(1).questions
    bad = replace(good, document="arvica.md"), Gold("Who?", quotes=("words that nobody wrote",))
    study = ended(filled, filled.start_study("bad", QuestionSet("Bad", (good, *bad)), None, [Configuration()]))
    assert study.reason.startswith("For 2 of 3 questions, the document or quote that is named was not found")
    assert filled.missing(study) == list(bad)


# -- what was corrected --------------------------------------------------------------------------------------------


def test_corrections_part_studies_and_runs_without_them_say_so(filled: Workspace) -> None:
    own = [Configuration()]
    before = ended(filled, filled.start_study("before", questions(1), None, own))
    chunk = filled.chunks(filled.document("arvika.md"))[0]
    filled.edit_chunk("documents", chunk.id, f"{chunk.text}\nIts liaison officer is Ann Zebrafinch.")
    settled(filled)
    after = ended(filled, filled.start_study("after", questions(1), None, [*own, Configuration(chunk_tokens=100)]))
    assert [[one.id for one in contest.studies] for contest in filled.contests()] == [[after.id], [before.id]]
    assert (after.runs[0].reason, after.runs[1].reason[:34]) == ("", "Its passages were cut anew, withou")
    wanted = filled.wanted_of(before, [0])[0]
    assert wanted.pages, "where the answer stands is known as before: no text has changed"
    filled.restore_chunk("documents", chunk.id)
    settled(filled)
    again = filled.start_study("again", questions(1), None, own)
    assert again.data_version == before.data_version, "brought back, all is as it was"


def test_a_correction_in_the_middle_of_a_study_ends_it(filled: Workspace) -> None:
    many = QuestionSet("Many", questions().questions * 30)
    study = filled.start_study("corrected", many, None, grid({"k": [1, 2, 3]}))
    chunk = filled.chunks(filled.document("arvika.md"))[0]
    filled.edit_chunk("documents", chunk.id, f"{chunk.text} More.")
    study = ended(filled, study)
    assert study.state is RunState.FAILED
    assert "corrections of their passages, have changed" in study.reason


# -- figures that are no means -------------------------------------------------------------------------------------


def test_a_figure_of_a_whole_run_has_no_interval_and_its_own_direction() -> None:
    runs = [
        Run(name, "s", Configuration(k=k), RunState.FINISHED, {"latency p50": time, "MRR": 1.0})
        for name, k, time in (("slow", 3, 30.0), ("fast", 5, 10.0))
    ]
    measured = {one.id: {place: {"MRR": 1.0} for place in range(3)} for one in runs}
    first, second = standings(runs, measured, "latency p50", "slow")
    assert (first.run.id, first.mean, first.low, first.high, first.verdict) == ("fast", 10.0, None, None, "")
    assert (second.mean, second.verdict) == (30.0, "baseline")
    few = standings(runs, measured, "MRR", "slow")[1]
    assert (few.run.id, few.verdict, few.low) == ("fast", "too few questions", None)
