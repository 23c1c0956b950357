"""A collection is renamed while something is done with all of it: nothing is lost, and nothing goes by its old name."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.catalog import Catalog
from rag.errors import NotFoundError, StorageError
from rag.workspace import Workspace


def test_a_repair_keeps_who_renames_waiting(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes, recipe]))
    before = len(workspace.search("yearly rent"))
    renaming = threading.Thread(target=lambda: workspace.rename_collection("documents", "archive"))

    def told(_: float) -> None:
        if not renaming.ident:
            renaming.start()
            renaming.join(0.3)

    health = workspace.examine("documents", repair=True, told=told)
    renaming.join(20)
    assert health.findings == ()
    assert len(workspace.search("yearly rent", collection="archive")) == before > 0
    assert workspace.check() == []


def test_another_process_renames_during_a_repair(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes, recipe]))
    name = workspace.collection().store_name
    chunks = set(workspace.store.all_ids(name))

    def told(_: float) -> None:
        other = Catalog(workspace.folder.catalog)
        if "archive" not in {one.name for one in other.collections()}:
            other.rename_collection("documents", "archive")
        other.close()

    with pytest.raises(StorageError, match="was renamed"):
        workspace.examine("documents", repair=True, told=told)
    assert set(workspace.store.all_ids(name)) == set(workspace.lexical.chunk_ids(name)) == chunks
    assert workspace.check() == []


def test_a_look_at_the_indexes_goes_by_the_new_name(
    workspace: Workspace, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(workspace.ingest([notes]))
    ids = workspace.store.all_ids

    def slow(name: str) -> list[str]:
        if "archive" not in {one.name for one in workspace.collections()}:
            workspace.catalog.rename_collection("documents", "archive")
        return ids(name)

    monkeypatch.setattr(workspace.store, "all_ids", slow)
    health = workspace.examine("documents")
    assert health.findings == ()
    assert health.passages > 0


def test_a_collection_that_is_renamed_while_it_is_deleted_goes(
    workspace: Workspace, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(workspace.ingest([notes]))
    drop = workspace.store.drop

    def slow(name: str) -> None:
        drop(name)
        workspace.catalog.rename_collection("documents", "archive")

    monkeypatch.setattr(workspace.store, "drop", slow)
    workspace.delete_collection("documents")
    assert workspace.collections() == []
    with pytest.raises(NotFoundError):
        workspace.collection("archive")


@pytest.mark.parametrize("stage", ["lease.md", "writing"])
def test_a_backup_of_what_is_renamed_meanwhile_is_whole(
    make_workspace: Callable[..., Workspace], notes: Path, recipe: Path, tmp_path: Path, stage: str
) -> None:
    workspace = make_workspace()
    list(workspace.ingest([notes, recipe]))

    def far(_: float, now: str) -> None:
        if now == stage and workspace.current_name("documents") == "documents":
            workspace.rename_collection("documents", "archive")

    manifest = workspace.export("documents", tmp_path / "saved.zip", far)
    assert (manifest.documents, manifest.left_out) == (2, ())
    other = make_workspace(data_dir=tmp_path / "other")
    other.restore(tmp_path / "saved.zip", "restored")
    assert {one.name for one in other.documents("restored")} == {"lease.md", "bread.txt"}
    assert other.check() == []
