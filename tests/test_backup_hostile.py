"""Backups that were altered, damaged or made to do harm: each is refused in words, and nothing is written."""

from __future__ import annotations

import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rag.backup.layout import schema_of
from rag.errors import DamagedError, NotFoundError
from rag.settings import load_settings
from rag.workspace import Workspace
from tests.conftest import NOTES, RECIPE
from tests.pdfs import encrypted_pdf, text_pdf

Files = dict[str, bytes]
PLAIN = {"compression": "NONE", "use_dictionary": False, "store_schema": False}


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backup")
    for name, text in (("lease.md", NOTES), ("bread.txt", RECIPE)):
        (folder / name).write_text(text)
    with Workspace(load_settings(data_dir=folder / "data")) as made:
        list(made.ingest([folder / "lease.md", folder / "bread.txt"], tags=["home"]))
        made.export("documents", folder / "good.zip")
    return folder / "good.zip"


def contents(path: Path) -> Files:
    with zipfile.ZipFile(path) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def written(folder: Path, files: Files, honest: bool = True, method: int = zipfile.ZIP_STORED) -> Path:
    """A zip of the files; with `honest` its manifest has the sizes and sums that they have now."""
    if honest and "manifest.json" in files:
        said = json.loads(files["manifest.json"])
        said["entries"] = {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in files.items()
            if name != "manifest.json"
        }
        for name, data in files.items():
            if name.startswith("tables/") and data[:4] == b"PAR1":
                table = name.removeprefix("tables/").removesuffix(".parquet")
                said["counts"][table] = pq.ParquetFile(io.BytesIO(data)).metadata.num_rows
        files = files | {"manifest.json": json.dumps(said).encode()}
    target = folder / "bad.zip"
    with zipfile.ZipFile(target, "w", method) as opened:
        for name, data in files.items():
            opened.writestr(name, data)
    return target


def table_of(files: Files, name: str) -> list[dict[str, Any]]:
    return pq.read_table(io.BytesIO(files[f"tables/{name}.parquet"])).to_pylist()


def with_rows(files: Files, name: str, rows: list[dict[str, Any]], **options: Any) -> Files:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema_of(name)), buffer, **{**PLAIN, **options})
    return files | {f"tables/{name}.parquet": buffer.getvalue()}


def refused(workspace: Workspace, path: Path, match: str = "cannot be restored") -> None:
    before = sorted(str(one) for one in workspace.folder.path.rglob("*") if "-wal" not in one.name)
    with pytest.raises(DamagedError, match=match):
        workspace.restore(path, "restored")
    assert workspace.collections() == []
    assert sorted(str(one) for one in workspace.folder.path.rglob("*") if "-wal" not in one.name) == before


def test_what_is_written_anew_unchanged_is_taken(workspace: Workspace, backup: Path, tmp_path: Path) -> None:
    files = contents(backup)
    for name in ("documents", "texts", "pages", "headings", "chunks", "vectors"):
        files = with_rows(files, name, table_of(files, name))
    workspace.restore(written(tmp_path, files), "restored")
    assert workspace.check() == []


def test_other_files_are_refused(workspace: Workspace, backup: Path, notes: Path, tmp_path: Path) -> None:
    refused(workspace, notes, "no zip file")
    with pytest.raises(NotFoundError, match="no file"):
        workspace.restore(tmp_path / "nothing.zip")
    good = backup.read_bytes()
    for size in (0, 10, len(good) // 2, len(good) - 1):
        (tmp_path / "bad.zip").write_bytes(good[:size])
        refused(workspace, tmp_path / "bad.zip", "no zip file")
    refused(workspace, written(tmp_path, {"a.txt": b"a"}), "no manifest")
    files = contents(backup)
    refused(workspace, written(tmp_path, files, method=zipfile.ZIP_DEFLATED), "packed, or locked")


def test_manifests_that_say_something_else_are_refused(workspace: Workspace, backup: Path, tmp_path: Path) -> None:
    files = contents(backup)
    said = json.loads(files["manifest.json"])
    for change, why in (
        ({"format": "other"}, "manifest cannot be read"),
        ({"version": 2}, "newer Footnote"),
        ({"schema": 10_000}, "newer Footnote"),
        ({"version": "1"}, "manifest cannot be read"),
        ({"made_at": "yesterday"}, "manifest cannot be read"),
        ({"recipe": None}, "manifest cannot be read"),
        ({"name": 7}, "manifest cannot be read"),
        ({"entries": []}, "manifest cannot be read"),
        ({"counts": {}}, "number of rows"),
        ({"without_original": ["../../x"]}, "manifest cannot be read"),
        ({"fingerprint": said["fingerprint"] | {"dimension": "96"}}, "dimension 96"),
    ):
        altered = files | {"manifest.json": json.dumps(said | change).encode()}
        refused(workspace, written(tmp_path, altered, honest=False), why)
    for text in (b"", b"[]", b"{", b"null", b'{"format": "footnote-collection"}', b"[" * 100_000, b"\xff"):
        refused(workspace, written(tmp_path, files | {"manifest.json": text}, honest=False), "manifest cannot be read")


def test_names_that_lead_elsewhere_are_refused(workspace: Workspace, backup: Path, tmp_path: Path) -> None:
    files = contents(backup)
    for name in (
        "../evil",
        "/etc/evil",
        "originals/../../evil",
        "originals/evil",
        "originals\\evil",
        "tables/evil.parquet",
        "C:/evil",
        f"originals/{'a' * 31}",
        f"originals/{'a' * 32}/x",
    ):
        refused(workspace, written(tmp_path, files | {name: b"evil"}), "do not belong")
        refused(workspace, written(tmp_path, files | {name: b"evil"}, honest=False), "other files than its manifest")
    assert not list(tmp_path.rglob("evil"))
    refused(workspace, written(tmp_path, files | {f"originals/{'a' * 32}": b"evil"}), "not the file that it is called")
    evil = hashlib.sha256(b"evil").hexdigest()[:32]
    refused(workspace, written(tmp_path, files | {f"originals/{evil}": b"evil"}), "files of no document")
    original = next(name for name in files if name.startswith("originals/"))
    refused(
        workspace, written(tmp_path, {k: v for k, v in files.items() if k != original}), "file of a document is missing"
    )


def test_a_flipped_bit_anywhere_is_noticed(workspace: Workspace, backup: Path, tmp_path: Path) -> None:
    good = backup.read_bytes()
    numbers = random.Random(0)  # noqa: S311 - places in a file
    for _ in range(40):
        place = numbers.randrange(len(good))
        bad = bytearray(good)
        bad[place] ^= 1 << numbers.randrange(8)
        (tmp_path / "bad.zip").write_bytes(bad)
        try:
            workspace.restore(tmp_path / "bad.zip", "restored")
        except DamagedError:
            assert workspace.collections() == []
        else:  # a date or a flag of the zip, or a letter of the manifest, that says nothing of what is in it
            assert {workspace.text(one.id) for one in workspace.documents("restored")} == {NOTES, RECIPE}
            workspace.delete_collection("restored")


def test_tables_that_are_packed_are_refused(workspace: Workspace, backup: Path, tmp_path: Path) -> None:
    files = contents(backup)
    rows = table_of(files, "texts")
    for options in ({"compression": "zstd"}, {"use_dictionary": True}):
        refused(workspace, written(tmp_path, with_rows(files, "texts", rows, **options)), "is packed")
    refused(workspace, written(tmp_path, with_rows(files, "texts", rows, store_schema=True)), "another program")
    bomb = with_rows(files, "texts", [rows[0] | {"text": "a" * 30_000_000}], compression="zstd")
    assert len(bomb["tables/texts.parquet"]) < 100_000
    refused(workspace, written(tmp_path, bomb), "is packed")


def test_other_columns_are_refused(workspace: Workspace, backup: Path, tmp_path: Path) -> None:
    files = contents(backup)
    table = pq.read_table(io.BytesIO(files["tables/texts.parquet"]))
    for other in (
        table.drop_columns(["text"]),
        table.append_column("evil", pa.array(["x"] * len(table))),
        table.set_column(1, "text", pa.array([1] * len(table))),
        table.cast(pa.schema([pa.field("document_id", pa.string()), pa.field("text", pa.string())])),
    ):
        buffer = io.BytesIO()
        pq.write_table(other, buffer, **PLAIN)
        refused(workspace, written(tmp_path, files | {"tables/texts.parquet": buffer.getvalue()}), "table texts")
    refused(workspace, written(tmp_path, files | {"tables/texts.parquet": b"PAR1 nothing PAR1"}, honest=False))


def change(name: str, /, **values: Any) -> Callable[[Files], Files]:
    def changed(files: Files) -> Files:
        rows = table_of(files, name)
        return with_rows(files, name, [rows[0] | values, *rows[1:]])

    return changed


def drop(name: str) -> Callable[[Files], Files]:
    return lambda files: with_rows(files, name, table_of(files, name)[1:])


def twice(name: str) -> Callable[[Files], Files]:
    return lambda files: with_rows(files, name, [*table_of(files, name), table_of(files, name)[0]])


def backwards(name: str) -> Callable[[Files], Files]:
    return lambda files: with_rows(files, name, table_of(files, name)[::-1])


def vector(make: Callable[[np.ndarray], Any]) -> Callable[[Files], Files]:
    def changed(files: Files) -> Files:
        rows = table_of(files, "vectors")
        made = make(np.asarray(rows[0]["vector"], np.float32))
        return with_rows(files, "vectors", [rows[0] | {"vector": list(made)}, *rows[1:]])

    return changed


@pytest.mark.parametrize(
    "harm",
    [
        change("documents", id="x" * 32),
        change("documents", name=""),
        change("documents", name="a\x00b"),
        change("documents", state="elsewhere"),
        change("documents", state="indexing"),
        change("documents", state="deleting"),
        change("documents", state="queued"),
        change("documents", tags="not json"),
        change("documents", tags='{"a": 1}'),
        change("documents", tags="[1]"),
        change("documents", timings='{"a": NaN}'),
        change("documents", seconds=float("inf")),
        change("documents", added_at="now"),
        change("documents", failure="evil"),
        change("documents", chunks=9),
        twice("documents"),
        drop("documents"),
        backwards("documents"),
        change("texts", text="Another text."),
        drop("texts"),
        twice("texts"),
        change("pages", start=-1),
        change("pages", end=10**9),
        change("pages", number=7),
        change("pages", text="Another text."),
        change("pages", char_map="[[0]]"),
        change("pages", char_map='[["a", "b"]]'),
        change("pages", char_map="{"),
        drop("pages"),
        change("chunks", id="x-200-000000"),
        change("chunks", start=10**9),
        change("chunks", end=-5),
        change("chunks", page=9),
        change("chunks", position=5),
        drop("chunks"),
        backwards("chunks"),
        change("headings", start=10**9),
        change("vectors", id="x-200-000000"),
        change("vectors", document_id="0" * 32),
        change("vectors", signs=b"short"),
        change("vectors", tokens=None),
        change("vectors", tokens=-1),
        drop("vectors"),
        twice("vectors"),
        vector(lambda one: one[:100]),
        vector(lambda one: one * 3),
        vector(lambda one: np.full_like(one, np.nan)),
        vector(lambda one: np.append(one[1:], np.inf)),
    ],
)
def test_rows_that_do_not_belong_together_are_refused(
    harm: Callable[[Files], Files], workspace: Workspace, backup: Path, tmp_path: Path
) -> None:
    refused(workspace, written(tmp_path, harm(contents(backup))))


def test_what_was_altered_without_its_sum_is_named(workspace: Workspace, backup: Path, tmp_path: Path) -> None:
    files = contents(backup)
    altered = files["tables/texts.parquet"].replace(b"84,000", b"99,000")
    refused(
        workspace, written(tmp_path, files | {"tables/texts.parquet": altered}, honest=False), "texts.parquet has been"
    )


def test_a_recipe_that_nothing_could_be_made_with_is_refused(
    workspace: Workspace, backup: Path, tmp_path: Path
) -> None:
    files = contents(backup)
    said = json.loads(files["manifest.json"])
    for change in ({"precision": "zzz"}, {"chunk_tokens": 0}, {"chunk_tokens": 10**15}):
        recipe = json.dumps(said | {"recipe": said["recipe"] | change}).encode()
        refused(workspace, written(tmp_path, files | {"manifest.json": recipe}), "in the way that it says")
    for model in ("../x", "..", "a/../b", "./x", "a/.."):
        recipe = json.dumps(said | {"recipe": said["recipe"] | {"model": model}}).encode()
        path = written(tmp_path, files | {"manifest.json": recipe})
        assert workspace.recipe_here(workspace.manifest(path)).model == ""


def test_a_document_that_says_what_was_edited_of_it_says_title_or_date(
    workspace: Workspace, backup: Path, tmp_path: Path
) -> None:
    files = contents(backup)
    for edited in ("pages", "title state", "nonsense"):
        rows = table_of(files, "documents")
        rows[0]["edited"] = edited
        refused(workspace, written(tmp_path, with_rows(files, "documents", rows)))


def test_what_is_restored_is_at_rest(workspace: Workspace, backup: Path, notes: Path, tmp_path: Path) -> None:
    list(workspace.ingest([notes]))
    files = contents(backup)
    rows = table_of(files, "documents")
    for one in rows:
        one |= {"stage": "correcting", "taken_from": workspace.collection().id, "moves": True}
    workspace.restore(written(tmp_path, with_rows(files, "documents", rows)), "gift")
    workspace.reread("gift", [one.id for one in workspace.documents("gift")])
    workspace.drain()
    assert [one.name for one in workspace.documents("documents")] == ["lease.md"]
    assert workspace.check() == []


def test_a_backup_changes_nothing_of_other_collections(
    workspace: Workspace, backup: Path, notes: Path, tmp_path: Path
) -> None:
    list(workspace.ingest([notes]))
    (mine,) = workspace.documents()
    forged = {"document_id": mine.id, "number": 1, "engine": "other 1", "lines": '[["no rent", 1.0, [0, 0, 1, 1]]]'}
    files = contents(backup)
    files[f"unlocked/{mine.id}"] = NOTES.replace("84,000", "1").encode()
    files = with_rows(files, "ocr", [forged])
    workspace.restore(written(tmp_path, files), "gift")
    assert workspace.folder.readable(mine.id).read_bytes() == notes.read_bytes()
    assert workspace.catalog.ocr(mine.id, "other 1") == {}
    workspace.reread("documents", [mine.id])
    workspace.drain()
    assert "84,000" in workspace.ask("How high is the yearly rent?", collection="documents").text


def test_only_a_pdf_that_is_locked_comes_with_a_copy_that_is_not(
    make_workspace: Callable[..., Workspace], backup: Path, tmp_path: Path
) -> None:
    locked = tmp_path / "locked.pdf"
    locked.write_bytes(encrypted_pdf(text_pdf(["The rent is 84,000 euros."]), "secret"))
    first, second = make_workspace(), make_workspace(data_dir=tmp_path / "second")
    for one in (first, second):
        list(one.ingest([locked], password="secret"))
    (document,) = first.documents()
    first.export("documents", tmp_path / "locked.zip")
    files = contents(tmp_path / "locked.zip")
    files[f"unlocked/{document.id}"] = text_pdf(["The rent is 1 euro."])
    before = second.folder.unlocked(document.id).read_bytes()
    second.folder.unlocked(document.id).unlink()  # then nothing is in the way of another one
    second.restore(written(tmp_path, files), "gift")
    assert not second.folder.unlocked(document.id).exists()
    assert before
    third = make_workspace(data_dir=tmp_path / "third")
    files = contents(backup)
    lease = table_of(files, "documents")[0]["id"]
    third.restore(written(tmp_path, files | {f"unlocked/{lease}": b"something else"}), "gift")
    assert not third.folder.unlocked(lease).exists()
