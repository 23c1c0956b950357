"""Rehearsals: a collection and what is to take its place are asked the same questions, before they are swapped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.errors import InputError, NotFoundError, ReadOnlyError
from rag.evaluation.comparing import outcomes
from rag.evaluation.grid import grid
from rag.records import QUOTING, Configuration, Gold, Outcomes, QuestionSet, Recipe, Rehearsal, Run, RunState
from rag.workspace import Workspace
from tests.studying import ended, fill, questions
from tests.test_recipes import set_recipe
from tests.test_reembedding import wait

pytestmark = pytest.mark.end_to_end
ROOT = Path(__file__).resolve().parent.parent
SHORT = Recipe("bundled", "int8", 40)
MANY = QuestionSet("Many", questions().questions * 20)


@pytest.fixture
def filled(workspace: Workspace, tmp_path: Path) -> Workspace:
    """Six reports, and beside them the same in short passages, ready to be swapped in."""
    fill(workspace, tmp_path)
    workspace.reembed(None, SHORT)
    assert wait(workspace).whole
    return workspace


def rehearsed(workspace: Workspace, asked: QuestionSet | None = None) -> Rehearsal:
    ended(workspace, workspace.rehearse(asked or questions()))
    found = workspace.rehearsal()
    assert found is not None
    return found


def found_by(workspace: Workspace, run: Run) -> list[list[tuple[str, int, int]]]:
    rows = workspace.experiments.scored(run.id)
    return [[(one.document, one.start, one.end) for one in row.found] for row in rows]


def searched(workspace: Workspace, name: str, configuration: Configuration) -> list[list[tuple[str, int, int]]]:
    hits = [
        workspace.search(one.question, collection=name, configuration=configuration) for one in questions().questions
    ]
    return [[(one.chunk.document_id, one.chunk.start, one.chunk.end) for one in some] for some in hits]


# -- the same as searching -----------------------------------------------------------------------------------------


def test_each_run_finds_what_a_search_finds_in_its_collection(filled: Workspace) -> None:
    making = filled.reembedding()
    assert making is not None
    found = rehearsed(filled)
    assert (found.study.state, found.outdated, found.speaks) == (RunState.FINISHED, "", True)
    assert [one.configuration.chunk_tokens for one in found.runs] == [200, 40]
    assert found_by(filled, found.before) == searched(filled, "documents", found.before.configuration)
    assert found_by(filled, found.after) == searched(filled, making.shadow.name, found.after.configuration)
    assert found_by(filled, found.before) != found_by(filled, found.after)
    assert not list(filled.folder.study_indexes.glob("*")), "no passages were made for it"


def test_wins_and_losses_are_those_that_can_be_counted_by_hand(filled: Workspace) -> None:
    found = rehearsed(filled)
    asked = questions().questions
    spans = {}
    for place, gold in enumerate(asked):
        for quote in gold.quotes:
            document = filled.document(gold.document)
            text = " ".join(filled.catalog.text(document).split("\n"))
            spans[place] = (document.id, text.index(quote), text.index(quote) + len(quote))
    shares: list[dict[int, float]] = []
    for run in found.runs:
        mine = {}
        for place, (document, start, end) in spans.items():
            said = set()
            for one in filled.experiments.scored(run.id)[place].found:
                if one.document == document:
                    said |= set(range(one.start, one.end)) & set(range(start, end))
            whole = sum(one.end - one.start for one in filled.experiments.scored(run.id)[place].found)
            mine[place] = len(said) / whole
        shares.append(mine)
    outcome = filled.outcomes(found, "span precision")
    assert outcome.won == tuple(one for one in spans if shares[1][one] > shares[0][one])
    assert outcome.lost == tuple(one for one in spans if shares[1][one] < shares[0][one])
    assert len(outcome.won) == len(spans) == 12, "short passages have less around the quote"
    assert (outcome.same, outcome.unmeasured) == (0, len(asked) - 12)
    standing = filled.standings_of(found.runs, "span precision", found.before.id)[found.after.id]
    gain = np.mean([shares[1][one] - shares[0][one] for one in spans])
    assert standing.difference is not None
    assert standing.difference.mean == pytest.approx(float(gain))
    assert standing.verdict == "better"


def test_a_document_that_failed_in_the_new_version_counts_as_lost(workspace: Workspace, tmp_path: Path) -> None:
    fill(workspace, tmp_path)
    borlo = workspace.document("borlo.md")
    workspace.folder.original(borlo.id).rename(tmp_path / "away")
    workspace.reembed(None, SHORT)
    making = wait(workspace)
    assert (making.whole, making.counts.failed) == (False, 1)
    found = rehearsed(workspace)
    lost = workspace.outcomes(found, "MRR").lost
    assert {questions().questions[one].document.removesuffix(".md") for one in lost} == {"borlo"}
    assert len(lost) == 3


def test_it_is_asked_as_the_champion_asks_without_an_answer(filled: Workspace) -> None:
    chosen = grid({"k": 3, "late": 0.0, "answerer": QUOTING}, filled.configuration())
    study = ended(filled, filled.start_study("to be champion", questions(1), None, chosen))
    filled.promote(study.runs[0].id)
    found = rehearsed(filled)
    before, after = (asdict(one.configuration) for one in found.runs)
    assert (before["k"], before["late"], before["answerer"]) == (3, 0.0, "")
    assert before | asdict(SHORT) == after


def test_it_says_what_both_take(filled: Workspace) -> None:
    now, then = filled.costs()
    making = filled.reembedding()
    assert making is not None
    assert (now.passages, then.passages) == (filled.collection().chunks, making.counts.passages)
    assert now.passages < then.passages
    assert 0 < now.bytes < then.bytes
    assert now.seconds > 0
    assert then.seconds > 0
    found = rehearsed(filled)
    for run in found.runs:
        assert 0 < run.metrics["latency p50"] <= run.metrics["latency p95"]


def test_a_collection_of_an_unknown_model_is_compared_by_words(workspace: Workspace, tmp_path: Path) -> None:
    fill(workspace, tmp_path)
    set_recipe(workspace, Recipe("", "", 200))
    workspace.reembed(None, Recipe("bundled", "int8", 200))
    assert wait(workspace).whole
    found = rehearsed(workspace)
    assert found.whole, [one.reason for one in found.runs]
    assert found_by(workspace, found.before) == searched(workspace, "documents", found.before.configuration)


def test_it_is_a_study_like_others(filled: Workspace) -> None:
    ended(filled, filled.start_study("Two", questions(), None, grid({"k": [3, 5]}, filled.configuration())))
    found = rehearsed(filled)
    (contest,) = filled.contests()
    assert len(contest.runs) == 4
    assert [one.name for one in contest.studies] == ["Rehearsal of documents", "Two"]
    told = {one.key for one in filled.experiments.unexported()}
    assert {found.study.id, found.before.id, found.after.id} <= told


# -- when it tells nothing -----------------------------------------------------------------------------------------


def test_without_something_ready_in_the_making_there_is_nothing_to_rehearse(
    workspace: Workspace, tmp_path: Path, make_workspace: Callable[..., Workspace]
) -> None:
    fill(workspace, tmp_path)
    assert workspace.rehearsal() is None
    with pytest.raises(NotFoundError):
        workspace.rehearse(questions())
    workspace.reembed(None, SHORT)
    with pytest.raises(InputError, match="not ready yet"):
        workspace.rehearse(questions())
    assert wait(workspace).whole
    with pytest.raises(InputError, match="at least one question"):
        workspace.rehearse(QuestionSet("Empty", ()))
    assert workspace.experiments.studies() == []
    with pytest.raises(ReadOnlyError):
        make_workspace(data_dir=tmp_path / "demo", demo=True).rehearse(questions())


def test_a_second_one_waits_until_the_first_has_ended(filled: Workspace) -> None:
    study = filled.rehearse(MANY)
    with pytest.raises(InputError, match="going on already"):
        filled.rehearse(questions())
    filled.cancel_study(study.id)
    ended(filled, study)
    found = filled.rehearsal()
    assert found is not None
    assert (found.study.state, found.whole, found.speaks) == (RunState.CANCELLED, False, False)
    assert rehearsed(filled).speaks


@pytest.mark.parametrize("what", ["deleted", "titled", "corrected"])
def test_a_rehearsal_of_what_has_changed_since_says_so(filled: Workspace, what: str) -> None:
    assert rehearsed(filled).outdated == ""
    if what == "deleted":
        filled.delete("borlo.md")
    elif what == "titled":
        filled.edit(filled.document("borlo.md"), "borlo.md", "Another title")
    else:
        filled.edit_chunk("documents", filled.chunks(filled.document("borlo.md"))[0].id, "The harbour burnt down.")
    while not wait(filled).whole:
        time.sleep(0.05)
    found = filled.rehearsal()
    assert found is not None
    assert "documents have come, gone or changed, or passages were corrected" in found.outdated
    assert not found.speaks
    assert rehearsed(filled).outdated == ""


def test_a_rehearsal_with_another_new_version_says_so_and_none_is_left_after_the_swap(filled: Workspace) -> None:
    rehearsed(filled)
    filled.discard_reembedding()
    assert filled.rehearsal() is None
    filled.reembed(None, Recipe("bundled", "int8", 60))
    assert wait(filled).whole
    found = filled.rehearsal()
    assert found is not None
    assert "another new version" in found.outdated
    filled.swap()
    assert filled.rehearsal() is None
    filled.reembed(None, SHORT)
    assert wait(filled).whole
    assert filled.rehearsal() is None, "the collection itself is another one since"


def test_another_champion_makes_a_rehearsal_old(filled: Workspace) -> None:
    rehearsed(filled)
    study = ended(filled, filled.start_study("k", questions(1), None, grid({"k": 2}, filled.configuration())))
    filled.promote(study.runs[0].id)
    found = filled.rehearsal()
    assert found is not None
    assert "another champion" in found.outdated


@pytest.mark.parametrize("how", ["discard_reembedding", "swap"])
def test_a_swap_or_a_discarding_meanwhile_ends_it_plainly(filled: Workspace, how: str) -> None:
    study = filled.rehearse(MANY)
    while not filled.experiments.study(study.id).done:
        time.sleep(0.02)
    getattr(filled, how)()
    study = ended(filled, study)
    assert study.state is RunState.FAILED
    assert "swapped in or discarded" in study.reason


def test_a_collection_that_can_not_be_searched_fails_its_run_alone(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    with make_workspace() as first:
        fill(first, tmp_path)
    changed = make_workspace(chunk_tokens=100)
    changed.reembed(None, Recipe("bundled", "int8", 100))
    assert wait(changed).whole
    found = rehearsed(changed)
    assert [one.state for one in found.runs] == [RunState.FAILED, RunState.FINISHED]
    assert "made in another way" in found.before.reason
    assert not found.speaks


# -- interrupted ---------------------------------------------------------------------------------------------------

CHILD = """
import sys
from pathlib import Path
from rag.settings import load_settings
from rag.workspace import Workspace
from tests.test_rehearsing import MANY
if __name__ == "__main__":
    with Workspace(load_settings(data_dir=Path(sys.argv[1]))) as workspace:
        if not workspace.experiments.studies():
            workspace.rehearse(MANY)
        workspace.resume_studies()
        while True:
            sys.stdin.readline()
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_killed_in_the_middle_it_goes_on_where_it_was(make_workspace: Callable[..., Workspace], tmp_path: Path) -> None:
    with make_workspace() as first:
        fill(first, tmp_path)
        first.reembed(None, SHORT)
        assert wait(first).whole
    (tmp_path / "child.py").write_text(CHILD, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "child.py"), str(tmp_path / "data")]
    child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})
    seen = make_workspace(share=True)
    deadline = time.monotonic() + 60
    while not any(one.done for one in seen.experiments.studies()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    seen.close()
    workspace = make_workspace()
    half = workspace.rehearsal()
    assert half is not None
    assert half.working
    assert len(workspace.experiments.places(half.before.id)) > 0
    workspace.resume_studies()
    assert ended(workspace, half.study).state is RunState.FINISHED
    found = workspace.rehearsal()
    assert found is not None
    assert found.speaks
    for run in found.runs:
        assert [one.place for one in workspace.experiments.scored(run.id)] == list(range(len(MANY.questions)))


# -- counting --------------------------------------------------------------------------------------------------------


def test_what_is_better_depends_on_the_figure() -> None:
    old: dict[int, dict[str, Any]] = {
        0: {"MRR": 1.0, "latency": 5},
        1: {"MRR": 0.5, "latency": 5},
        2: {"MRR": 1.0},
        3: {},
    }
    new: dict[int, dict[str, Any]] = {0: {"MRR": 0.5, "latency": 4}, 1: {"MRR": 1.0, "latency": 9}, 2: {"MRR": 1.0}}
    assert outcomes(old, new, "MRR", 4) == Outcomes((1,), (0,), 1, 1)
    assert outcomes(old, new, "latency", 4) == Outcomes((0,), (1,), 0, 2)


def test_a_set_that_says_nowhere_where_answers_stand_measures_nothing(filled: Workspace) -> None:
    found = rehearsed(filled, QuestionSet("Bare", (Gold("What did the harbour of Arvika earn?"),)))
    assert found.whole
    assert filled.outcomes(found, "MRR") == Outcomes((), (), 0, 1)
