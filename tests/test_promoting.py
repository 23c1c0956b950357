"""Whose champion it is: of the very collection that was measured, whatever it and others are called by now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rag.errors import FolderError, NotFoundError, StoreUnavailableError
from rag.records import AS_SET, Configuration, Run, RunState
from rag.workspace import Workspace, grid
from tests.conftest import outcomes
from tests.mlflow_store import QUESTIONS, make_study
from tests.studying import ended


@pytest.fixture
def ready(make_workspace: Callable[..., Workspace], notes: Path) -> Workspace:
    workspace = make_workspace()
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
    return workspace


def measured(workspace: Workspace, ks: tuple[int, ...] = (3, 4)) -> list[Run]:
    """Runs of a study that was worked off."""
    tried = grid({"k": list(ks)}, workspace.configuration())
    study = ended(workspace, workspace.start_study("Passages", QUESTIONS, None, tried))
    assert study.state is RunState.FINISHED
    return list(study.runs)


def another(workspace: Workspace, paths: list[Path]) -> None:
    """Another collection called `documents`."""
    workspace.create_collection("documents")
    assert set(outcomes(workspace.ingest(paths, collection="documents")).values()) == {"ready"}


def test_a_run_is_promoted_for_the_collection_that_it_asked_not_for_another_one_of_its_name(
    ready: Workspace, recipe: Path
) -> None:
    run, _ = measured(ready)
    ready.rename_collection("documents", "archive")
    another(ready, [recipe])
    assert ready.promote(run.id).collection == "archive"
    assert ready.champion("documents") is None
    assert ready.usual_passages("archive") == 3
    study = ready.experiments.study(run.study)
    assert study.collection == "archive", "it says where it asked by the name of now"
    assert not ready.has_changed(study)


@pytest.mark.parametrize("same_documents", [True, False])
def test_a_run_of_a_deleted_collection_is_not_promoted_for_another_one_of_its_name(
    ready: Workspace, notes: Path, recipe: Path, same_documents: bool
) -> None:
    run, _ = measured(ready)
    ready.delete_collection("documents")
    another(ready, [notes if same_documents else recipe])
    with pytest.raises(NotFoundError, match="'documents' that this was measured on has been deleted"):
        ready.promote(run.id)
    assert ready.champion("documents") is None
    contest = ready.contests()[0]
    assert ready.promoted_runs(contest.newest) == {}
    assert ready.baseline_of(contest, "hit@3"), "what was measured is still compared"


def test_documents_that_came_since_are_said_and_do_not_hinder(ready: Workspace, recipe: Path) -> None:
    run, _ = measured(ready)
    study = ready.experiments.study(run.study)
    assert not ready.has_changed(study)
    assert outcomes(ready.ingest([recipe])) == {recipe.name: "ready"}
    assert ready.has_changed(study)
    assert ready.promote(run.id).configuration.k == 3


def test_a_renamed_collection_keeps_its_place_on_the_leaderboard(ready: Workspace) -> None:
    _, four = measured(ready)
    ready.promote(four.id, by="ann")
    ready.rename_collection("documents", "archive")
    contest = ready.contests()[0]
    assert ready.promoted_runs(contest.newest)["champion"].run == four.id
    assert ready.baseline_of(contest, "hit@3") == four.id


def test_studies_from_before_collections_were_told_apart_go_by_the_name_of_now(ready: Workspace) -> None:
    [run] = make_study(ready, ks=(4,))
    assert ready.experiments.study(run.study).collection_made == ""
    ready.promote(run.id)
    ready.rename_collection("documents", "archive")
    study = ready.experiments.study(run.study)
    assert ready.promoted_runs(study)["champion"].run == run.id
    assert ready.promote(run.id).collection == "archive"


def test_going_back_again_goes_further_back_and_never_to_what_was_given_up(ready: Workspace) -> None:
    three, four, six = make_study(ready, ks=(3, 4, 6))
    for one in (three, four, four, six):
        ready.promote(one.id, by="ann")
    before = ready.before()
    assert before is not None
    assert before.configuration.k == 4
    assert [ready.roll_back(by="bob").configuration.k for _ in range(2)] == [4, 3]
    assert ready.before() is None
    assert ready.usual_passages() == 3
    # A new decision is gone back from to what it followed.
    ready.promote(six.id)
    assert ready.roll_back().configuration.k == 3
    assert ready.before() is None
    assert [one.configuration.k for one in ready.promotions()] == [3, 6, 3, 4, 6, 4, 4, 3], "nothing is left out"


def test_the_first_one_can_be_gone_back_from_too_to_what_is_set(ready: Workspace) -> None:
    three, four = make_study(ready, ks=(3, 4))
    ready.promote(three.id, by="ann")
    assert ready.usual_passages() == 3
    assert ready.roll_back(by="bob").back_to == AS_SET
    assert ready.champion() is None
    assert ready.answers_with() == (None, "")
    assert ready.usual_passages() == ready.settings.top_k
    assert ready.promoted_runs(ready.experiments.study(three.study)) == {}
    with pytest.raises(NotFoundError, match="none to go back to"):
        ready.roll_back()
    ready.promote(four.id)
    assert ready.usual_passages() == 4
    assert ready.before() is None, "what was given up is not come back to"
    assert [one.by for one in ready.promotions()] == ["", "bob", "ann"]


def test_a_champion_that_waits_for_its_passages_leaves_the_one_before_at_work(ready: Workspace) -> None:
    [four] = make_study(ready, ks=(4,))
    decided = ready.promote(four.id, by="ann")
    waiting = ready.experiments.promote(Configuration(chunk_tokens=64, k=1), "bob", four.id, "documents")
    assert ready.champion() == waiting
    promotion, why_not = ready.answering()
    assert promotion == decided
    assert "the champion before it answers" in why_not
    assert ready.usual_passages() == 4
    assert len(ready.ask("How high is the yearly rent?").hits) == len(
        ready.ask("How high is the yearly rent?", configuration=Configuration(k=4)).hits
    )
    # One that was gone back from does not come to work again.
    ready.roll_back()
    ready.roll_back()
    ready.experiments.promote(Configuration(chunk_tokens=64, k=1), "bob", four.id, "documents")
    promotion, why_not = ready.answering()
    assert promotion is None
    assert "questions are answered as it is set" in why_not


def test_a_collection_that_could_not_be_deleted_keeps_its_champion(
    ready: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    [run] = make_study(ready, ks=(4,))
    ready.promote(run.id)

    def busy(_: str) -> None:
        raise FolderError("busy")

    monkeypatch.setattr(ready.experiments, "forget_promotions", busy)
    with pytest.raises(FolderError):
        ready.delete_collection("documents")
    assert [one.name for one in ready.collections()] == ["documents"]
    with pytest.raises(NotFoundError):
        ready.delete_collection("no such")
    assert ready.usual_passages("documents") == 4


def test_what_ends_a_deletion_half_way_leaves_no_champion_to_another_of_the_name(
    ready: Workspace, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [run] = make_study(ready, ks=(4,))
    ready.promote(run.id)
    with monkeypatch.context() as patch:

        def ended_here(_: object) -> None:
            raise StoreUnavailableError("ended here")

        patch.setattr(ready.ingestion.removal, "delete_collection", ended_here)
        with pytest.raises(StoreUnavailableError):
            ready.delete_collection("documents")
    assert ready.champion("documents") is None
    ready.delete_collection("documents")
    another(ready, [notes])
    assert ready.champion("documents") is None
    assert ready.usual_passages("documents") == ready.settings.top_k
