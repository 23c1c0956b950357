"""Deletions that can be undone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rag.catalog import trash
from rag.errors import NotFoundError
from rag.records import Document, State
from rag.workspace import Workspace
from tests.conftest import outcomes
from tests.test_arranging import add, settled, until

Make = Callable[..., Workspace]
LONG_AGO = timedelta(seconds=trash.UNDO_SECONDS + trash.GRACE_SECONDS + 1)


@pytest.fixture
def fruit(workspace: Workspace, tmp_path: Path) -> dict[str, Document]:
    texts = {"apple": "The apple harvest was 400 tonnes.", "pear": "The pear harvest was 90 tonnes."}
    found = add(workspace, tmp_path, **texts)
    workspace.retag("documents", [found["apple"].id], add=["red"])
    settled(workspace)
    return {one.name.removesuffix(".txt"): one for one in workspace.documents()}


def age(workspace: Workspace, by: timedelta) -> None:
    """As if what was deleted had been deleted earlier."""
    with workspace.catalog.write() as connection:
        then = (datetime.now(UTC) - by).isoformat(timespec="microseconds")
        connection.exec_driver_sql("UPDATE documents SET deleted_at = ? WHERE deleted_at <> ''", (then,))


def test_what_is_deleted_is_nowhere_and_comes_back_as_it_was(
    workspace: Workspace, fruit: dict[str, Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    apple, store = fruit["apple"], workspace.collection("documents").store_name
    before = workspace.search("apple harvest")
    vectors = workspace.store.vectors(store, workspace.store.chunk_ids(store, apple.id))
    assert workspace.trash("documents", [apple.id]) == 1
    assert [one.name for one in workspace.documents()] == ["pear.txt"]
    assert {hit.name for hit in workspace.search("apple harvest")} == {"pear.txt"}
    assert workspace.totals().documents == workspace.collection().documents == 1
    assert workspace.tags() == frozenset()
    assert workspace.census("documents").tags == {}
    with pytest.raises(NotFoundError):
        workspace.document(apple.id)
    (deletion,) = workspace.trashed("documents")
    assert (deletion.documents, deletion.name) == (1, "apple.txt")
    assert 100 < deletion.seconds_left <= trash.UNDO_SECONDS

    workspace.ingestion.removal.clear_all()
    assert workspace.check() == []
    monkeypatch.setattr(type(workspace.reader), "parse", lambda *_: pytest.fail("read"))
    monkeypatch.setattr(type(workspace.embedder), "encode_passages", lambda *_: pytest.fail("embedded"))
    assert workspace.undo_trash("documents", deletion.at) == 1
    assert workspace.catalog.document("documents", apple.id) == apple
    assert workspace.trashed("documents") == []
    after = workspace.store.vectors(store, list(vectors))
    assert all((vectors[one] == after[one]).all() for one in vectors)
    assert workspace.search("apple harvest") == before
    monkeypatch.undo()
    assert workspace.check() == []


def test_after_the_time_is_over_it_goes_from_the_disk(workspace: Workspace, fruit: dict[str, Document]) -> None:
    apple, store = fruit["apple"], workspace.collection("documents").store_name
    workspace.trash("documents", [apple.id])
    (deletion,) = workspace.trashed("documents")
    age(workspace, LONG_AGO)
    assert workspace.trashed("documents") == []
    with pytest.raises(NotFoundError, match="too late"):
        workspace.undo_trash("documents", deletion.at)
    workspace.ingestion.removal.clear_all()
    assert not workspace.folder.original(apple.id).exists()
    assert workspace.store.chunk_ids(store, apple.id) == []
    assert workspace.lexical.chunk_ids(store, apple.id) == set()
    assert workspace.catalog.text(apple) == ""
    assert workspace.check() == []


def test_in_the_last_moment_it_is_kept_a_little_longer_than_it_can_be_brought_back(
    workspace: Workspace, fruit: dict[str, Document]
) -> None:
    workspace.trash("documents", [fruit["apple"].id])
    age(workspace, timedelta(seconds=trash.UNDO_SECONDS + 1))
    assert workspace.trashed("documents") == []
    workspace.ingestion.removal.clear_all()
    assert workspace.folder.original(fruit["apple"].id).exists()


def test_a_restart_neither_shortens_nor_lengthens_the_time(
    make_workspace: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace()
    fruit = add(workspace, tmp_path, apple="The apple harvest was 400 tonnes.", pear="The pear harvest was 90 tonnes.")
    workspace.trash("documents", [fruit["apple"].id])
    workspace.close()
    workspace = make_workspace()
    workspace.worker.start()
    (deletion,) = workspace.trashed("documents")
    workspace.undo_trash("documents", deletion.at)
    assert len(workspace.documents()) == 2
    assert workspace.check() == []
    workspace.trash("documents", [one.id for one in fruit.values()])
    workspace.close()
    workspace = make_workspace()
    age(workspace, LONG_AGO)
    workspace.worker.start()
    until(lambda: not workspace.folder.original(fruit["apple"].id).exists())
    until(lambda: not workspace.folder.original(fruit["pear"].id).exists())


def test_deletions_are_undone_each_by_itself(workspace: Workspace, fruit: dict[str, Document]) -> None:
    workspace.trash("documents", [fruit["apple"].id])
    workspace.trash("documents", [fruit["pear"].id, fruit["apple"].id, "nobody"])
    last, first = workspace.trashed("documents")
    assert (last.name, last.documents, first.name) == ("pear.txt", 1, "apple.txt")
    workspace.undo_trash("documents", first.at)
    assert [one.name for one in workspace.documents()] == ["apple.txt"]


def test_the_same_bytes_uploaded_meanwhile_are_there_once_and_whole(
    workspace: Workspace, fruit: dict[str, Document], tmp_path: Path
) -> None:
    workspace.trash("documents", [fruit["apple"].id])
    (tmp_path / "again.txt").write_bytes((tmp_path / "apple.txt").read_bytes())
    assert outcomes(workspace.ingest([tmp_path / "again.txt"], tags=["new"])) == {"again.txt": "ready"}
    settled(workspace)
    assert workspace.trashed("documents") == []
    assert {one.name: one.tags for one in workspace.documents()} == {"again.txt": ("new",), "pear.txt": ()}
    age(workspace, LONG_AGO)
    workspace.ingestion.removal.clear_all()
    assert workspace.search("apple harvest")[0].name == "again.txt"
    assert workspace.check() == []


def test_an_unfinished_document_that_is_deleted_and_comes_back_goes_on(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(" ".join(f"This is sentence {number} about tides." for number in range(4000)))
    workspace.worker.stop(None)
    next(workspace.ingest([tmp_path / "long.txt"]))
    (document,) = workspace.documents()
    workspace.ingestion._parts.stop.clear()
    workspace.ingestion.read_next()
    assert workspace.documents()[0].state is State.SEARCHABLE
    workspace.trash("documents", [document.id])
    assert not workspace.ingestion.embed_next()
    workspace.undo_trash("documents", workspace.trashed("documents")[0].at)
    assert workspace.documents()[0].state is State.SEARCHABLE
    assert workspace.ingestion.embed_next()
    assert workspace.documents()[0].state is State.READY
    assert workspace.check() == []


def test_what_comes_back_after_a_rebuild_is_read_anew(workspace: Workspace, fruit: dict[str, Document]) -> None:
    workspace.trash("documents", [fruit["apple"].id])
    list(workspace.rebuild())
    workspace.undo_trash("documents", workspace.trashed("documents")[0].at)
    settled(workspace)
    assert len(workspace.documents()) == 2
    assert workspace.check() == []


def test_deleting_by_the_command_line_is_at_once(workspace: Workspace, fruit: dict[str, Document]) -> None:
    workspace.delete(fruit["apple"].id)
    assert not workspace.folder.original(fruit["apple"].id).exists()
    assert workspace.trashed("documents") == []


def test_a_collection_that_is_deleted_takes_its_trash_with_it(workspace: Workspace, fruit: dict[str, Document]) -> None:
    workspace.trash("documents", [fruit["apple"].id])
    workspace.delete_collection("documents")
    assert list(workspace.folder.files.iterdir()) == []


def test_no_file_says_what_a_document_said(workspace: Workspace, fruit: dict[str, Document], tmp_path: Path) -> None:
    secret = add(workspace, tmp_path, secret="The password of the director is Zyxwvut.")["secret"]
    settled(workspace)

    def saying() -> set[str]:
        paths = (one for one in workspace.folder.path.rglob("*") if one.is_file())
        return {one.name for one in paths if b"zyxwvut" in one.read_bytes().lower()}

    assert {"catalog.sqlite3-wal", "chroma.sqlite3"} <= saying()
    workspace.trash("documents", [secret.id])
    age(workspace, LONG_AGO)
    workspace.ingestion.removal.clear_all()
    until(lambda: saying() <= {"chroma.sqlite3"})
    list(workspace.rebuild())
    assert saying() == set()
    assert workspace.search("apple harvest")
