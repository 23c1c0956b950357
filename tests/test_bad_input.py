"""Bad input: each kind gets a clear reason with the remedy; the workspace lives on and nothing is lost."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
import sqlalchemy

from rag.errors import FolderError, StoreUnavailableError
from rag.ingestion import shown_name
from rag.workspace import Upload, Workspace
from tests import pdfs
from tests.conftest import outcomes

pytestmark = pytest.mark.end_to_end

Make = Callable[..., Workspace]


def only_outcome(workspace: Workspace, source: Path | Upload) -> tuple[str, str]:
    (event,) = [one for one in workspace.ingest([source]) if one.outcome]
    return event.outcome, event.reason


@pytest.fixture
def lively(workspace: Workspace, notes: Path) -> Workspace:
    """A workspace with one good document, which must still answer afterwards."""
    list(workspace.ingest([notes]))
    return workspace


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty.pdf": (lambda path: path.write_bytes(b""), "is empty"),
    "blank.txt": (lambda path: path.write_text("  \n\n "), "empty"),
    "no-pages.pdf": (lambda path: path.write_bytes(pdfs.empty_pdf()), "no pages"),
    "locked.pdf": (lambda path: path.write_bytes(pdfs.encrypted_pdf(pdfs.text_pdf(["Hello."]), "secret")), "password"),
    "truncated.pdf": (lambda path: path.write_bytes(pdfs.text_pdf(["Hello."] * 5)[:900]), "damaged"),
    "scan.pdf": (lambda path: path.write_bytes(pdfs.drawing_pdf()), "OCR could read none"),
    "program.txt": (lambda path: path.write_bytes(bytes(range(256)) * 40), "not text"),
    "nonsense.pdf": (lambda path: path.write_bytes(b"hello, I am no PDF"), "PDF"),
    "table.xyz": (lambda path: path.write_bytes(b"1,2,3"), "can be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_read_says_why(lively: Workspace, tmp_path: Path, name: str) -> None:
    write, says = BAD[name]
    path = tmp_path / name
    write(path)
    outcome, reason = only_outcome(lively, path)
    assert outcome == "failed"
    assert says.lower() in reason.lower()
    assert "\n" not in reason
    assert "84,000" in lively.ask("How high is the rent?").text


def test_a_failed_document_is_listed_with_its_reason_and_can_be_deleted(lively: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(pdfs.drawing_pdf())
    only_outcome(lively, path)
    failed = next(one for one in lively.documents() if one.name == "scan.pdf")
    assert "OCR" in failed.reason
    lively.delete(failed.id)
    assert [one.name for one in lively.documents()] == ["lease.md"]


def test_a_file_over_the_limit_is_refused_before_it_is_copied(make_workspace: Make, tmp_path: Path) -> None:
    workspace = make_workspace(max_file_mb=200)
    path = tmp_path / "huge.pdf"
    with path.open("wb") as file:
        file.truncate(300_000_000)  # a sparse file takes no space
    outcome, reason = only_outcome(workspace, path)
    assert (outcome, "300 MB" in reason, "RAG_MAX_FILE_MB" in reason) == ("failed", True, True)
    assert list(workspace.folder.files.iterdir()) == []


def test_a_path_that_is_not_there(workspace: Workspace, tmp_path: Path) -> None:
    outcome, reason = only_outcome(workspace, tmp_path / "missing.pdf")
    assert outcome == "failed"
    assert "not there" in reason


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\windows\\system.txt", "system.txt"),
        ("🎉 Bericht — März.txt", "🎉 Bericht — März.txt"),
        ("a\x00b\nc.txt", "abc.txt"),
        ("x" * 400 + ".txt", "x" * 251 + ".txt"),
    ],
)
def test_whatever_a_file_is_called_nothing_is_written_outside_the_folder(
    workspace: Workspace, tmp_path: Path, name: str, shown: str
) -> None:
    source = tmp_path / "upload"
    source.write_text("The fee is 12 euros.", encoding="utf-8")
    before = {path for path in tmp_path.rglob("*") if workspace.folder.path not in path.parents}
    outcome, _ = only_outcome(workspace, Upload(source, name))
    assert outcome == "ready"
    (document,) = workspace.documents()
    assert document.name == shown
    assert workspace.folder.original(document.id).read_text(encoding="utf-8") == "The fee is 12 euros."
    assert {path for path in tmp_path.rglob("*") if workspace.folder.path not in path.parents} == before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are Unicode")
def test_a_name_on_disk_that_is_not_utf_8_does_not_stop_the_others(
    workspace: Workspace, notes: Path, tmp_path: Path
) -> None:
    odd = tmp_path / os.fsdecode(b"bad\xff.txt")
    odd.write_text("The fee is 12 euros.")
    assert outcomes(workspace.ingest([odd, notes])) == {"bad?.txt": "ready", "lease.md": "ready"}


def test_a_name_that_is_nothing_but_path_still_has_one() -> None:
    assert shown_name("../") == "unnamed"


def test_a_data_folder_that_cannot_be_made(make_workspace: Make, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match="RAG_DATA_DIR"):
        make_workspace(data_dir=tmp_path / "file" / "data")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_data_folder(make_workspace: Make, tmp_path: Path) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    with pytest.raises(FolderError, match="RAG_DATA_DIR"):
        make_workspace(data_dir=folder)


def test_a_data_folder_on_a_read_only_disk(
    make_workspace: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_more: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(FolderError, match=r"Read-only file system.*RAG_DATA_DIR"):
        make_workspace(data_dir=tmp_path / "data")


def test_a_data_folder_that_becomes_read_only_keeps_answering(
    lively: Workspace, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA query_only = ON")

    sqlalchemy.event.listen(lively.catalog._engine, "checkout", read_only)  # every connection, whoever uses it
    outcome, reason = only_outcome(lively, recipe)
    assert (outcome, "could not be read or written" in reason) == ("failed", True)
    assert "84,000" in lively.ask("How high is the rent?").text


def test_a_disk_that_is_full_keeps_what_was_there(
    lively: Workspace, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_reading: object, writing: BinaryIO) -> None:
        writing.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rag.folder._copy", full)
    outcome, reason = only_outcome(lively, recipe)
    assert (outcome, "No space left" in reason) == ("failed", True)
    assert len(list(lively.folder.files.iterdir())) == 1
    assert "84,000" in lively.ask("How high is the rent?").text


def test_a_chroma_server_that_is_not_there_fails_the_document_and_keeps_it(make_workspace: Make, notes: Path) -> None:
    workspace = make_workspace(chroma_mode="server", chroma_host="127.0.0.1", chroma_port=9, store_patience=0)
    outcome, reason = only_outcome(workspace, notes)
    assert outcome == "failed"
    assert "chroma run" in reason
    assert [one.name for one in workspace.documents()] == ["lease.md"]
    list(workspace.ingest([notes]))  # another try, once it is there
    with pytest.raises(StoreUnavailableError):
        workspace.store.names()
