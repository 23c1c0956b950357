"""What a reader deletes is on the disk no longer: not in what studies made of it, nor in what waits for MLflow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from rag.catalog import trash
from rag.evaluation.indexes import StudyIndex
from rag.records import RunState, Study
from rag.workspace import Workspace, grid
from tests.conftest import outcomes
from tests.mlflow_store import make_study, packed
from tests.studying import ended, fill, questions
from tests.test_trash import age

pytestmark = pytest.mark.end_to_end
SAID = b"council of Arvika met"


def studied(workspace: Workspace, folder: Path) -> Study:
    """A study of passages that only it searches, of six reports."""
    fill(workspace, folder)
    return workspace.start_study("shorter", questions(), None, grid({"chunk_tokens": [60]}))


def in_studies(workspace: Workspace) -> bool:
    return any(SAID in one.read_bytes() for one in workspace.folder.study_indexes.rglob("*") if one.is_file())


def arvika(workspace: Workspace) -> str:
    return next(one.id for one in workspace.documents() if one.name == "arvika.md")


def test_a_deleted_document_goes_from_the_indexes_of_studies(workspace: Workspace, tmp_path: Path) -> None:
    assert ended(workspace, studied(workspace, tmp_path)).state is RunState.FINISHED
    assert in_studies(workspace)
    workspace.delete(arvika(workspace))
    assert not in_studies(workspace)


def test_one_that_can_come_back_goes_when_it_cannot_any_more(workspace: Workspace, tmp_path: Path) -> None:
    ended(workspace, studied(workspace, tmp_path))
    workspace.trash("documents", [arvika(workspace)])
    age(workspace, timedelta(seconds=trash.UNDO_SECONDS + trash.GRACE_SECONDS + 1))
    workspace.ingestion.removal.clear_all()  # as the worker does some time later
    assert not in_studies(workspace)


def test_a_deleted_collection_goes_from_the_indexes_of_studies(workspace: Workspace, tmp_path: Path) -> None:
    ended(workspace, studied(workspace, tmp_path))
    workspace.delete_collection("documents")
    assert not in_studies(workspace)


def test_a_document_deleted_while_a_study_makes_its_passages_is_not_kept(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = StudyIndex._open

    def deleted_meanwhile(index: StudyIndex, documents: object) -> None:
        with monkeypatch.context() as patched:  # a deletion that came before there was anything of it to delete
            patched.setattr("rag.folder.shutil.rmtree", lambda *_, **__: None)
            workspace.delete(arvika(workspace))
        whole(index, documents)  # type: ignore[arg-type]

    monkeypatch.setattr(StudyIndex, "_open", deleted_meanwhile)
    study = ended(workspace, studied(workspace, tmp_path))
    assert study.state is RunState.FAILED
    assert "have changed since the study began" in study.reason + study.runs[0].reason
    assert not in_studies(workspace)


def test_what_a_killed_process_left_is_swept_at_the_next_start(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    first = make_workspace()
    ended(first, studied(first, tmp_path))
    with first.catalog.write() as connection:
        connection.exec_driver_sql("DELETE FROM documents WHERE name = 'arvika.md'")
    first.close()
    again = make_workspace()
    again.ingestion.removal.sweep()
    assert not in_studies(again)


def test_a_deleted_collection_leaves_no_copy_that_waits_for_mlflow(
    make_workspace: Callable[..., Workspace], notes: Path
) -> None:
    workspace = make_workspace(mlflow=True)
    outcomes(workspace.ingest([notes]))
    [run] = make_study(workspace, ks=(3,))
    for _ in range(2):
        workspace.promote(run.id, by="ann")
    packed(workspace)
    bundles = workspace.folder.mlflow / "bundles"
    assert len(list(bundles.iterdir())) == 2
    workspace.delete_collection("documents")
    assert not list(bundles.iterdir())
