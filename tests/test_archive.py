"""Zip archives: what is in them is ingested, within bounds, and nothing is written elsewhere."""

from __future__ import annotations

import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from rag.archive import look_into
from rag.errors import DamagedError, EncryptedError, RagError, TooLargeError
from rag.ingestion import Upload, distinct_names
from rag.settings import load_settings
from rag.workspace import Workspace


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def unpacked(path: Path, folder: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    folder.mkdir(exist_ok=True)
    archive = look_into(Upload(path, path.name))
    uploads = archive.unpack(folder, load_settings())
    return {one.name: one.path.read_bytes() for one in uploads}, dict(archive.skipped)


def test_the_readable_files_come_out_and_the_others_are_named_with_why(tmp_path: Path) -> None:
    path = packed(
        tmp_path / "all.zip",
        {
            "a/report.txt": b"one",
            "b/report.txt": b"two",
            "c/notes.md": b"three",
            "c/.DS_Store": b"x",
            "d.exe": b"MZ",
            "e/inner.zip": b"PK",
            "__MACOSX/c/notes.md": b"x",
        },
    )
    files, skipped = unpacked(path, tmp_path / "out")
    assert files == {"all.zip/a/report.txt": b"one", "all.zip/b/report.txt": b"two", "all.zip/c/notes.md": b"three"}
    assert list(skipped) == ["d.exe", "inner.zip"]
    assert "no kind" in skipped["d.exe"]
    assert "unpack it" in skipped["inner.zip"]


@pytest.mark.end_to_end
def test_an_archive_is_ingested_file_by_file(workspace: Workspace, tmp_path: Path) -> None:
    path = packed(tmp_path / "all.zip", {"lease.txt": b"The rent is 84,000 euros.", "empty.txt": b"", "d.exe": b"MZ"})
    outcomes = {one.name: one.outcome for one in workspace.ingest([path], tags=["bulk"]) if one.outcome}
    assert outcomes == {"lease.txt": "ready", "empty.txt": "failed", "d.exe": "skipped"}
    assert [(one.name, one.tags) for one in workspace.documents()] == [("lease.txt", ("bulk",))]


@pytest.mark.end_to_end
@pytest.mark.parametrize("replaces", [True, False])
def test_files_of_one_name_in_several_archives_and_folders_are_all_kept(
    workspace: Workspace, tmp_path: Path, replaces: bool
) -> None:
    alpha = packed(tmp_path / "alpha.zip", {"notes.txt": b"Alpha.", "2023/letter.txt": b"Old."})
    beta = packed(tmp_path / "beta.zip", {"notes.txt": b"Beta.", "2024/letter.txt": b"New."})
    loose = tmp_path / "notes.txt"
    loose.write_bytes(b"Loose.")
    found = [one for one in workspace.ingest([alpha, loose, beta], replace_namesakes=replaces) if one.outcome]
    assert {one.outcome for one in found} == {"ready"}
    assert {one.name: workspace.text(one.id) for one in workspace.documents()} == {
        "alpha.zip - notes.txt": "Alpha.",
        "notes.txt": "Loose.",
        "beta.zip - notes.txt": "Beta.",
        "2023 - letter.txt": "Old.",
        "2024 - letter.txt": "New.",
    }


@pytest.mark.end_to_end
def test_what_is_in_an_archive_can_be_checked_before_it_is_added(workspace: Workspace, tmp_path: Path) -> None:
    path = packed(tmp_path / "all.zip", {"a/lease.txt": b"The rent is 84,000 euros.", "d.exe": b"MZ"})
    with workspace.unpacked(path) as files:
        (upload,) = files.uploads
        (name,) = distinct_names([upload.name])
        found = workspace.preflight(Upload(upload.path, name))
    assert (found.name, found.chunks, found.problem) == ("lease.txt", 1, "")
    assert files.skipped == [("d.exe", "In all.zip, of no kind that can be read.")]
    assert not upload.path.exists()
    assert [one.outcome for one in workspace.ingest([workspace.kept(found)]) if one.outcome] == ["ready"]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = packed(tmp_path / "bomb.zip", {"a.txt": b"0" * 200_000_000})
    assert path.stat().st_size < 300_000
    with pytest.raises(TooLargeError, match="100 times"):
        unpacked(path, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "many.zip", {f"{number}.txt": b"x" for number in range(10_001)})
    with pytest.raises(TooLargeError, match="10,000"):
        unpacked(path, tmp_path / "out")


def test_an_archive_that_lies_about_sizes_expands_no_further_than_it_says(tmp_path: Path) -> None:
    path = packed(tmp_path / "liar.zip", {"a.txt": b"0" * 5_000_000})
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 5_000_000), struct.pack("<I", 10)))
    with pytest.raises(DamagedError, match="pack it anew"):
        unpacked(path, tmp_path / "out")
    assert sum(one.stat().st_size for one in (tmp_path / "out").iterdir()) <= 10


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_ways_of_packing_that_cannot_be_bounded_are_refused(tmp_path: Path, method: int) -> None:
    path = tmp_path / "odd.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a.txt", b"0" * 1000)
    with pytest.raises(DamagedError, match="pack it anew"):
        unpacked(path, tmp_path / "out")


def test_a_locked_archive_says_so(tmp_path: Path) -> None:
    path = packed(tmp_path / "locked.zip", {"a.txt": b"secret"})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag that a file is encrypted, in its own header and in the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    with pytest.raises(EncryptedError, match="password"):
        unpacked(path, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04" + b"\0" * 50])
def test_what_is_no_archive_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.zip"
    path.write_bytes(content)
    with pytest.raises(DamagedError, match=r"broken\.zip"):
        unpacked(path, tmp_path / "out")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    some.lists(
        some.one_of(
            some.text(min_size=1, max_size=40),
            some.from_regex(r"(\.\./|/|\\|C:\\|\.\.\\){1,4}[a-z]{1,5}", fullmatch=True),
        ),
        min_size=1,
        max_size=4,
        unique=True,
    )
)
def test_whatever_the_files_are_called_nothing_is_written_elsewhere(tmp_path: Path, names: list[str]) -> None:
    home = tmp_path / "home"
    out = home / "out"
    out.mkdir(parents=True, exist_ok=True)
    path = tmp_path / "names.zip"
    try:
        packed(path, {f"{name}.txt": b"x" for name in names})
    except (UnicodeEncodeError, ValueError, IndexError):  # nothing in an archive can be called so
        return
    with suppress(RagError):
        unpacked(path, out)
    assert {one for one in tmp_path.rglob("*") if one.is_file()} - {path} == {
        one for one in out.iterdir() if one.name.isdigit()
    }
