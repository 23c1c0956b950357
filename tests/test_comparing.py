"""Runs held against each other: what may be compared, whose passages are the same, and why a question went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rag.evaluation.comparing import changes, contests, front, is_same, matched, why
from rag.evaluation.estimating import SEARCH_SECONDS, search_seconds
from rag.evaluation.locating import Wanted
from rag.records import Configuration, Found, Gold, Run, RunState, Scored, Study
from rag.settings import load_settings
from rag.workspace import Workspace, grid
from tests.studying import ended, fill, questions

AT = datetime(2026, 1, 1, tzinfo=UTC)


def found(document: str, start: int, end: int, page: int = 1) -> Found:
    return Found(document, f"{document}.pdf", page, start, end, 1.0)


def study(number: int, version: str, data: str = "d") -> Study:
    return Study(f"s{number}", f"Study {number}", "documents", "Set", version, data, RunState.FINISHED, AT)


def run(of: int, number: int) -> Run:
    return Run(f"r{of}-{number}", f"s{of}", Configuration(k=number), RunState.FINISHED)


def test_only_runs_of_the_same_questions_and_documents_are_compared() -> None:
    studies = [study(4, "b"), study(3, "a"), study(2, "a", "other"), study(1, "a")]
    runs = [run(of, number) for of in (1, 2, 3, 4) for number in (1, 2)]
    first, second, third = contests(studies, runs)
    assert [one.id for one in first.runs] == ["r4-1", "r4-2"]
    assert [one.id for one in second.studies] == ["s3", "s1"]
    assert [one.id for one in second.runs] == ["r1-1", "r1-2", "r3-1", "r3-2"], "in the order in which they were made"
    assert [one.id for one in third.runs] == ["r2-1", "r2-2"]
    assert len({one.key for one in (first, second, third)}) == 3


def test_the_front_has_what_nothing_beats_in_both() -> None:
    points = {"fast": (1.0, 0.5), "good": (5.0, 0.9), "between": (2.0, 0.7), "slow": (6.0, 0.9), "poor": (3.0, 0.6)}
    assert front(points) == {"fast", "between", "good"}
    assert front({"a": (1.0, 0.5), "b": (1.0, 0.5), "c": (1.0, 0.4)}) == {"a", "b"}, (
        "neither of two equals beats the other"
    )
    assert front({}) == set()


def test_passages_that_were_cut_differently_are_the_same_if_they_share_enough() -> None:
    whole, half, apart = found("a", 0, 400), found("a", 200, 380), found("a", 390, 700)
    assert is_same(whole, half)
    assert not is_same(whole, apart)
    assert not is_same(whole, found("b", 0, 400))
    assert matched([whole, apart], [found("b", 0, 9), half]) == [1, None]
    assert matched([half, whole], [whole]) == [0, None], "each of theirs is matched once"


@pytest.mark.parametrize(
    ("scored", "gold", "wanted", "said"),
    [
        (Scored(0, {}, (), error="No disk."), Gold("?"), Wanted(), "It failed: No disk."),
        (Scored(0, {}, (), abstained=True), Gold("?", answerable=False), Wanted(), "Rightly not answered."),
        (Scored(0, {}, ()), Gold("?", answerable=False), Wanted(), "Answered, although no document has the answer."),
        (Scored(0, {}, ()), Gold("?"), Wanted(), "It is not known where the answer stands."),
        (
            Scored(0, {}, (found("b", 0, 9), found("a", 0, 9, 7))),
            Gold("?", document="a"),
            Wanted(frozenset("a"), frozenset({("a", 7)})),
            "Found at place 2.",
        ),
        (
            Scored(0, {}, (found("a", 0, 9, 3), found("a", 0, 9, 4))),
            Gold("?", document="a"),
            Wanted(frozenset("a"), frozenset({("a", 7)})),
            "The right document, but not the page: 3, 4 instead of 7.",
        ),
        (
            Scored(0, {}, (found("b", 0, 9),)),
            Gold("?", document="a"),
            Wanted(frozenset("a")),
            "The document that has the answer is not among what was found.",
        ),
    ],
)
def test_why_a_question_went_wrong(scored: Scored, gold: Gold, wanted: Wanted, said: str) -> None:
    assert why(scored, gold, wanted, answers=True) == said


def test_what_a_version_changes() -> None:
    one, two, three = Gold("One?"), Gold("Two?", ("2",)), Gold("Three?")
    assert str(changes([one, two], [replace(two, answers=("two",)), three])) == "1 added, 1 removed, 1 changed"
    assert str(changes([one, two], [two, one])) == "only their order changed"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("comparing")
    workspace = Workspace(load_settings(data_dir=folder / "data", mlflow=False))
    fill(workspace, folder)
    tried = grid({"k": [1, 3], "lexical": [0.0, 1.0], "dense": [1.0], "late": [0.0], "routed": [0.0]})
    ended(workspace, workspace.start_study("Weights", questions(), None, tried))
    yield workspace
    workspace.close()


def test_standings_say_what_the_leaderboard_of_all_says(workspace: Workspace) -> None:
    contest = workspace.contests()[0]
    baseline = workspace.baseline_of(contest, "MRR")
    shown = workspace.standings_of(contest.runs, "MRR", baseline)
    assert shown.keys() == {one.id for one in contest.runs}
    for one in contest.runs:
        kept = workspace.experiments.measured(one.id)
        by_metric = workspace.experiments.measured_by([one.id], "MRR")[one.id]
        assert by_metric == {place: some["MRR"] for place, some in kept.items() if "MRR" in some}
        assert shown[one.id].mean == pytest.approx(one.metrics["MRR"])
    assert shown[baseline].difference is None
    assert workspace.standings_of(contest.runs, "MRR", baseline) == shown, "the same again, from what is remembered"
    assert workspace.standings_of(contest.runs, 'no "such"', baseline) == {}


def test_the_usual_baseline_is_the_champion_else_what_is_set(workspace: Workspace) -> None:
    contest = workspace.contests()[0]
    assert workspace.baseline_of(contest, "MRR") == contest.runs[0].id, "nothing is set so: the first"
    workspace.promote(contest.runs[2].id)
    assert workspace.baseline_of(contest, "MRR") == contest.runs[2].id
    assert workspace.baseline_of(contest, "hit@3") != contest.runs[0].id, "of one passage that is not measured"


def test_a_rehearsal_is_held_against_the_collection_as_it_was(workspace: Workspace) -> None:
    contest = workspace.contests()[0]
    rehearsal = replace(contest.newest, rehearsed="of both")
    held = replace(contest, studies=(rehearsal, *contest.studies[1:]))
    assert workspace.champion() is not None, "which would else be held against"
    assert workspace.baseline_of(held, "MRR") == contest.runs[0].id


def test_where_an_answer_stands_is_known_as_long_as_the_documents_are_the_same(
    workspace: Workspace, tmp_path: Path
) -> None:
    contest = workspace.contests()[0]
    best = contest.runs[-1]
    asked = workspace.one_question(contest.newest, [best.id], 0)
    assert asked.wanted.pages == {(workspace.document("arvika.md").id, 1)}
    assert workspace.found_text("documents", asked.scored[best.id].found[0])
    late = tmp_path / "late.md"
    late.write_text("A report that came too late.", encoding="utf-8")
    list(workspace.ingest([late]))
    assert workspace.one_question(contest.newest, [best.id], 0).wanted == Wanted()
    workspace.delete(workspace.document("late.md").id)
    assert workspace.one_question(contest.newest, [best.id], 0).wanted == asked.wanted


def test_an_estimate_counts_what_has_to_be_made(workspace: Workspace) -> None:
    usual = workspace.configuration()
    same = workspace.estimate("documents", 10, grid({"k": [3, 5]}, usual))
    other = workspace.estimate("documents", 10, grid({"chunk_tokens": [200, 100], "answerer": ["openai:x"]}, usual))
    assert (same.configurations, same.indexes, same.asks) == (2, 0, 0)
    assert (other.configurations, other.indexes, other.asks) == (2, 1, 20)
    assert other.seconds > same.seconds


def test_an_estimate_goes_by_what_studies_before_took() -> None:
    timed = [replace(run(1, number), seconds=number * 2.0, metrics={"questions": 100.0}) for number in (1, 2, 3)]
    answered = replace(
        run(1, 9), seconds=900.0, metrics={"questions": 100.0}, configuration=Configuration(answerer="x:y")
    )
    made = contests([study(1, "a")], [*timed, answered, run(1, 4)])
    assert search_seconds(made, "documents") == pytest.approx(0.04)
    assert search_seconds(made, "others") == search_seconds([], "documents") == SEARCH_SECONDS
