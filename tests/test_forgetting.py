"""What is deleted here is deleted in MLflow: from its lists, and from the disk where that is ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rag.errors import NotFoundError
from rag.tracking.opening import ANSWERS, STUDIES
from rag.tracking.registry import model_name
from rag.workspace import Workspace
from tests.conftest import outcomes
from tests.mlflow_store import client, experiment, make_study, packed, tell
from tests.test_traces import RENT, ask

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore"),  # MLflow's own, of which each version has others
]


def promoted(workspace: Workspace, study: str = "study1", collection: str = "documents") -> None:
    [run] = make_study(workspace, study, ks=(3,), collection=collection)
    workspace.promote(run.id, by="ann")
    packed(workspace)


def names_of_models(of: Any) -> list[str]:
    return [one.name for one in of.search_registered_models()]


def artifacts(workspace: Workspace) -> list[str]:
    """The files that MLflow keeps for us."""
    folder = workspace.folder.mlflow / "artifacts"
    return sorted(one.name for one in folder.rglob("*") if one.is_file()) if folder.exists() else []


def test_a_deleted_study_leaves_no_file_and_no_row(tracked: Workspace) -> None:
    make_study(tracked)
    tell(tracked.folder.path)
    assert "questions.json" in artifacts(tracked)
    tracked.delete_study("study1")
    assert tell(tracked.folder.path) == 0
    assert artifacts(tracked) == []
    assert not list((tracked.folder.mlflow / "artifacts").iterdir())  # nor an empty folder
    of = client(tracked.folder.path)
    assert of.search_runs([experiment(of, STUDIES)], run_view_type=3) == []  # those marked as deleted, too


def test_a_deleted_collection_takes_its_champion_along(tracked: Workspace) -> None:
    promoted(tracked)
    tell(tracked.folder.path)
    of = client(tracked.folder.path)
    assert names_of_models(of) == ["footnote-documents"]
    assert "1.zip" in artifacts(tracked)
    tracked.delete_collection("documents")
    assert tell(tracked.folder.path) == 0
    assert names_of_models(of) == []
    assert "1.zip" not in artifacts(tracked)
    assert not tracked.tracking_state().waiting
    assert of.search_logged_models([experiment(of, STUDIES)]) == []


def test_old_versions_of_a_champion_go_and_going_back_brings_them_again(
    tracked: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.tracking.forgetting.KEPT_VERSIONS", 1)
    three, five, eight = make_study(tracked, ks=(3, 5, 8))
    name = model_name("documents")

    def told() -> list[int]:
        packed(tracked)
        assert tell(tracked.folder.path) == 0
        return sorted(int(one.version) for one in of.search_model_versions(f"name = '{name}'"))

    of = client(tracked.folder.path)
    tracked.promote(three.id, "challenger", by="ann")
    for run in (five, five, eight, eight):
        tracked.promote(run.id, by="ann")
    assert told() == [1, 3, 5]  # the challenger, what going back brings, the champion
    assert [one for one in artifacts(tracked) if one.endswith(".zip")] == ["1.zip", "3.zip", "5.zip"]
    tracked.roll_back(by="eve")
    assert told() == [1, 3, 5]
    assert str(of.get_model_version_by_alias(name, "champion").version) == "3"
    tracked.promote(three.id, by="ann")
    tracked.promote(eight.id, by="ann")
    assert told() == [1, 6, 7]
    first = next(one for one in tracked.promotions() if one.configuration.k == 5)
    assert not first.mlflow_id  # so that who goes back to it has it packed and registered anew


def test_a_new_collection_of_the_name_begins_without_a_champion_and_keeps_its_own(
    tracked: Workspace, notes: Path
) -> None:
    promoted(tracked)
    tell(tracked.folder.path)
    tracked.delete_collection("documents")
    assert outcomes(tracked.ingest([notes])) == {"lease.md": "ready"}
    assert tracked.champion() is None
    promoted(tracked, "study2")
    tracked.experiments.queue_export("model", "documents")  # as if that had not been told yet
    assert tell(tracked.folder.path) == 0
    of = client(tracked.folder.path)
    assert [str(one.version) for one in of.search_model_versions("name = 'footnote-documents'")]
    version = of.get_model_version_by_alias("footnote-documents", "champion")
    assert version.tags["footnote.promotion"] == str(tracked.promotions()[0].number)


def test_a_collection_that_is_called_something_else_keeps_its_champion(tracked: Workspace) -> None:
    promoted(tracked)
    tell(tracked.folder.path)
    tracked.rename_collection("documents", "letters")
    champion = tracked.champion("letters")
    assert champion is not None
    assert (champion.configuration.k, champion.by) == (3, "ann")
    assert tracked.usual_passages("letters") == 3
    packed(tracked)
    assert tell(tracked.folder.path) == 0
    assert names_of_models(client(tracked.folder.path)) == [model_name("letters")]


def test_erasing_is_told_to_an_mlflow_elsewhere(
    tracked: Workspace, make_workspace: Callable[..., Workspace], tmp_path: Path, notes: Path
) -> None:
    """The other MLflow is a server on this machine, as any other would be."""
    address = tracked.open_mlflow()
    workspace = make_workspace(data_dir=tmp_path / "other", mlflow=True, mlflow_tracking_uri=address)
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
    assert workspace.mlflow_elsewhere == address
    promoted(workspace)
    ask(workspace, RENT)
    workspace.recorder.settle()
    assert tell(workspace.folder.path, mlflow_tracking_uri=address) == 0
    of = client(tracked.folder.path)
    assert len(of.search_runs([experiment(of, STUDIES)])) == 2
    assert names_of_models(of) == ["footnote-documents"]
    workspace.erase()
    assert workspace.tracking_state().waiting == {"study": 1, "model": 1, "trace": 1}
    assert b"Who repairs the roof" not in b"".join(one.read_bytes() for one in workspace.folder.path.glob("exp*"))
    assert tell(workspace.folder.path, mlflow_tracking_uri=address) == 0
    assert of.search_runs([experiment(of, STUDIES)]) == []
    assert of.search_traces(locations=[experiment(of, ANSWERS)]) == []
    assert names_of_models(of) == []
    assert not workspace.tracking_state().waiting
    with pytest.raises(NotFoundError):
        workspace.experiments.study("study1")
